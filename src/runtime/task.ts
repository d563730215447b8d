import { held } from "../store/entry.ts"
import { firing } from "../store/recurrence.ts"
import type { Cell, Task } from "./cell.ts"
import { advance } from "./completion.ts"
import type { Partition } from "./partition.ts"

/**
 * The next task of a key at `now`, if it may run: a timer that is due, else the first parked message, else the first of the mailbox.
 *
 * A timer waits for what its key has not settled. Messages are all there again after a crash; of several due times that took effect
 * outside and were not settled, its policy for missed ones, or a cancel, would leave all but one out of the log.
 */
export const nextTask = (partition: Partition, cell: Cell, now: number): Task | undefined => {
  if (partition.phase !== "active" || cell.running !== undefined) return undefined
  if (cell.timedOut !== undefined) return cell.timedOut
  if (cell.paused !== undefined) return undefined
  if (cell.due.length > 0 && cell.unsettled > 0) return undefined
  const timer = nextTimer(partition, cell, now)
  if (timer !== undefined) return timer
  const parked = cell.parked[0]
  if (parked === undefined) {
    const message = cell.dequeue()
    return message && { _tag: "Message", message, attempt: 1 }
  }
  const { wait } = cell
  if (wait !== undefined && wait.until === undefined) return undefined
  if (wait?.until !== undefined && wait.until > now) {
    // It rang, and then the clock went back: it has to ring again.
    partition.expect(cell, wait.until)
    return undefined
  }
  return { _tag: "Message", message: parked, attempt: (wait?.attempt ?? 0) + 1 }
}

const nextTimer = (partition: Partition, cell: Cell, now: number): Task | undefined => {
  for (let name = cell.silence(); name !== undefined; name = cell.silence()) {
    const timer = cell.timers?.get(name)
    if (timer === undefined || timer.retryAt === held) continue
    const due = timer.retryAt ?? timer.due
    if (due > now) {
      // It rang, and then it was set anew, or the clock went back: it has to ring again.
      partition.expect(cell, due, name)
      continue
    }
    // An attempt that failed has begun already: it is late, not missed.
    if (timer.attempt > 0 || firing(timer, now).fires) return { _tag: "Timer", name, timer, attempt: timer.attempt + 1 }
    partition.finish({ cell, offset: -1, outputs: [], entries: [advance(partition, cell, name, timer, now)] })
  }
  return undefined
}

/** Whether the key has anything left to run now. */
export const wants = (partition: Partition, cell: Cell, now: number): boolean => {
  if (partition.phase !== "active" || cell.running !== undefined) return false
  if (cell.timedOut !== undefined) return true
  if (cell.paused !== undefined) return false
  if (cell.due.length > 0) return cell.unsettled === 0
  if (cell.parked.length === 0) return cell.mailbox.length > 0
  return cell.wait === undefined || (cell.wait.until !== undefined && cell.wait.until <= now)
}
