import { Clock, Effect, Latch } from "effect"
import type { Partition } from "./partition.ts"

/** Interrupts handlers that run for too long; what becomes of their message is the next task of their key. */
export interface Timeouts {
  /** Some handler has begun. */
  readonly started: () => void
  readonly run: Effect.Effect<never>
}

/** Looks at what runs ten times within a time-out (milliseconds), and not at all while nothing runs. */
export const make = Effect.fnUntraced(function* (around: {
  readonly timeout: number
  readonly partitions: () => Iterable<Partition>
  readonly idle: () => boolean
}) {
  const started = yield* Latch.make(false)
  const watch = Effect.gen(function* () {
    yield* Effect.when(started.close, Effect.sync(around.idle))
    yield* started.await
    yield* Effect.sleep(around.timeout / 10)
    const now = yield* Clock.currentTimeMillis
    for (const partition of around.partitions()) {
      for (const cell of partition.running) {
        if (now - cell.running!.since < around.timeout) continue
        cell.timedOut = cell.running!.task
        cell.running!.fiber.interruptUnsafe()
      }
    }
  })
  const timeouts: Timeouts = { started: () => void started.openUnsafe(), run: Effect.forever(watch) }
  return timeouts
})
