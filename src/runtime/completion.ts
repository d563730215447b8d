import * as Utf8 from "../actor/utf8.ts"
import type { ProducerRecord } from "../kafka/records.ts"
import * as Entry from "../store/entry.ts"
import { firing } from "../store/recurrence.ts"
import type { Outcome } from "./attempt.ts"
import type { Cell, Task } from "./cell.ts"
import { statusRecords } from "./collect.ts"
import { deadLetterRecord } from "./deadLetter.ts"
import { parkMailbox, setAside } from "./parking.ts"
import type { Partition } from "./partition.ts"
import { idempotencyKey, sourceOf } from "./identity.ts"

type MessageTask = Extract<Task, { readonly _tag: "Message" }>
type TimerTask = Extract<Task, { readonly _tag: "Timer" }>

const nothing: ReadonlyArray<Entry.EntryChange> = []

/** Takes the outcome of a task: the key's memory changes now, the log when it settles. */
export const complete = (partition: Partition, cell: Cell, task: Task, outcome: Outcome, now: number): void => {
  const outputs = outputsOf(partition, cell, task, outcome, now)
  const offset = task._tag === "Timer" || task.message.done ? -1 : task.message.offset
  // A state that is another object and the same JSON needs no entry.
  const state = outcome.state === cell.state || outcome.json === (cell.json ?? null) ? undefined : outcome.json
  cell.state = outcome.state
  if (state !== undefined) partition.setState(cell, state ?? undefined)
  const own =
    task._tag === "Timer"
      ? completeTimer(partition, cell, task, outcome, now)
      : completeMessage(partition, task, outcome, weigh(outputs) + (state?.length ?? 0), now)
  const entries = outcome.timers === undefined ? own : [...own, ...changeTimers(partition, cell, outcome.timers)]
  partition.finish({ cell, task, offset, outputs, entries, state })
  // What waits behind a message that has just been parked is parked behind it, as turns of its own.
  if (cell.parked.length > 0) parkMailbox(partition, cell)
}

const outputsOf = (
  partition: Partition,
  cell: Cell,
  task: Task,
  { emitted, ending, headers, reported }: Outcome,
  now: number
): ReadonlyArray<ProducerRecord> => {
  if (reported.length === 0 && ending._tag !== "DeadLetter") return emitted
  const outputs: Array<ProducerRecord> = [...emitted]
  for (const each of reported) outputs.push(...statusRecords(each, cell.key, { now, headers }))
  if (ending._tag === "DeadLetter") outputs.push(deadLetter(partition, cell, task, ending.cause, now))
  return outputs
}

const weigh = (records: ReadonlyArray<ProducerRecord>): number => {
  let bytes = 0
  for (const { key, value } of records) bytes += (key?.length ?? 0) + (value?.length ?? 0) + 32
  return bytes
}

const completeMessage = (
  partition: Partition,
  { attempt, message }: MessageTask,
  { ending }: Outcome,
  weight: number,
  now: number
): ReadonlyArray<Entry.EntryChange> => {
  const { cell } = message
  const isFinal = ending._tag !== "Retry" && ending._tag !== "Hold"
  if (isFinal && !message.done && cell.wait === undefined) {
    partition.window.finish(message, weight)
    return nothing
  }
  const entries: Array<Entry.EntryChange> = []
  if (!isFinal) {
    if (!message.done) entries.push(setAside(partition, message))
    const until = ending._tag === "Retry" ? { until: now + ending.delay } : {}
    entries.push(waitFor(partition, cell, { attempt, cause: ending.cause, since: cell.wait?.since ?? now, ...until }))
    return entries
  }
  if (message.done) {
    cell.unpark()
    entries.push([Entry.parkedKey(cell.key, message.offset), null])
  } else partition.window.finish(message, weight)
  if (cell.wait !== undefined) {
    cell.wait = undefined
    entries.push([Entry.waitKey(cell.key), null])
  }
  return entries
}

/** The key's first parked message waits: for a time, or (without `until`) for an operator. */
export const waitFor = (partition: Partition, cell: Cell, wait: Entry.Wait): Entry.EntryChange => {
  cell.wait = wait
  if (wait.until !== undefined) partition.expect(cell, wait.until)
  return [Entry.waitKey(cell.key), Entry.waitValue.encode(wait)]
}

const completeTimer = (
  partition: Partition,
  cell: Cell,
  { attempt, name, timer }: TimerTask,
  { ending, timers }: Outcome,
  now: number
): ReadonlyArray<Entry.EntryChange> => {
  // The turn set or cancelled this very timer: that holds.
  if (timers?.has(name) === true) return []
  if (ending._tag !== "Retry" && ending._tag !== "Hold") return [advance(partition, cell, name, timer, now)]
  const { due, when } = timer
  const waits =
    ending._tag === "Retry"
      ? { retryAt: now + ending.delay }
      : { retryAt: Entry.held, hold: { cause: ending.cause, since: now } }
  return [setTimer(partition, cell, name, { due, when, attempt, ...waits })]
}

/** A timer that took effect (or was skipped) becomes its next due time, or is over. */
export const advance = (
  partition: Partition,
  cell: Cell,
  name: string,
  timer: Entry.Timer,
  now: number
): Entry.EntryChange => {
  const { next } = firing(timer, now)
  if (next !== undefined) return setTimer(partition, cell, name, next)
  cell.timers?.delete(name)
  return [Entry.timerKey(cell.key, name), null]
}

export const setTimer = (partition: Partition, cell: Cell, name: string, timer: Entry.Timer): Entry.EntryChange => {
  cell.timers ??= new Map()
  cell.timers.set(name, timer)
  if (timer.retryAt === Entry.held) partition.waiting.add(cell)
  else partition.expect(cell, timer.retryAt ?? timer.due, name)
  return [Entry.timerKey(cell.key, name), Entry.timerValue.encode(timer)]
}

const changeTimers = (
  partition: Partition,
  cell: Cell,
  timers: NonNullable<Outcome["timers"]>
): ReadonlyArray<Entry.EntryChange> =>
  [...timers].map(([name, change]) => {
    if (change !== null) return setTimer(partition, cell, name, change.timer)
    cell.timers?.delete(name)
    return [Entry.timerKey(cell.key, name), null]
  })

const stateBytes = ({ json }: Cell): Uint8Array | null => (json === undefined ? null : Utf8.encode(json))

/** The original bytes of a message, or the state where a timer failed. */
export const deadLetter = (
  partition: Partition,
  cell: Cell,
  task: Task,
  cause: string,
  now: number
): ProducerRecord => {
  const id = idempotencyKey(partition, cell, task)
  const common = {
    topic: partition.deadLetters,
    partition: partition.partition,
    key: Utf8.encode(cell.key),
    failedAt: now,
    letter: { id, cause, attempts: task.attempt, source: sourceOf(partition, task) }
  }
  if (task._tag === "Timer") return deadLetterRecord({ ...common, value: stateBytes(cell), headers: [] })
  const { headers, origin, value } = task.message
  const replays = origin?.replays ?? 0
  const isTimer = origin !== undefined && "timer" in origin.source
  return deadLetterRecord({ ...common, replays, headers, value: isTimer ? stateBytes(cell) : value })
}
