import { Effect, Latch } from "effect"
import type { Cell } from "./cell.ts"
import type { Partition } from "./partition.ts"

/** Interrupts handlers that run for too long; what becomes of their message is the next task of their key. */
export interface Timeouts {
  /** Some handler has begun. */
  readonly started: () => void
  readonly run: Effect.Effect<never>
}

/** A worker has ended in the middle of the key's task; whether the key has that to tell of. */
export const interrupted = (partition: Partition, cell: Cell): boolean => {
  const task = cell.running?.task
  partition.stopped(cell)
  if (partition.phase !== "active") return false
  // Nobody else has interrupted it.
  if (task !== undefined) cell.timedOut ??= { ...task, isOwn: true }
  return cell.timedOut !== undefined
}

/** Looks within one time-out. */
const looks = 10

/**
 * Looks at what runs ten times within a time-out (milliseconds), and not at all while nothing runs. Counts looks instead of
 * reading the clock, which may jump: a handler is interrupted between one time-out and a tenth more after it began.
 */
export const make = Effect.fnUntraced(function* (around: {
  readonly timeout: number
  readonly partitions: () => Iterable<Partition>
  readonly idle: () => boolean
}) {
  const started = yield* Latch.make(false)
  const seen = new WeakMap<object, number>()
  const watch = Effect.gen(function* () {
    yield* Effect.when(started.close, Effect.sync(around.idle))
    yield* started.await
    yield* Effect.sleep(around.timeout / looks)
    for (const partition of around.partitions()) {
      for (const cell of partition.running) {
        const times = (seen.get(cell.running!) ?? 0) + 1
        seen.set(cell.running!, times)
        if (times <= looks) continue
        const { fiber, isLate, task } = cell.running!
        cell.timedOut = isLate === true ? { ...task, isQuiet: true } : task
        fiber.interruptUnsafe()
      }
    }
  })
  const timeouts: Timeouts = { started: () => void started.openUnsafe(), run: Effect.forever(watch) }
  return timeouts
})
