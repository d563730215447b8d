import { Clock, Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import type { ActorStatus } from "../../supervision/actors.ts"
import type { Process } from "./process.ts"

/** After the last fault everything has to be settled within this virtual time: a failed actor tries again every minute. */
export const patience = Duration.toMillis("1 hour")
/** How often an operator looks after what does not recover by itself, in virtual milliseconds. */
const lookEvery = 30_000
/** Looks at a process in a row that must find nothing to do. */
const calmLooks = 4

/**
 * Lets time pass until nothing moves any more and nothing waits; how long that took in virtual milliseconds, or undefined
 * when it does not end.
 */
export const settle = Effect.fnUntraced(function* <E>(
  processes: ReadonlyArray<Process>,
  tend: Effect.Effect<void, E>
): Effect.fn.Return<number | undefined, E> {
  const begin = yield* Clock.currentTimeMillis
  let [calm, spent, tendedAt] = [0, 0, 0]
  while (spent < patience) {
    yield* Effect.repeat(Effect.yieldNow, { times: 20 })
    const isBusy = yield* anyBusy(processes)
    calm = isBusy ? 0 : calm + 1
    spent = (yield* Clock.currentTimeMillis) - begin
    if (calm > calmLooks) return spent
    if (isBusy && spent - tendedAt >= lookEvery) {
      tendedAt = spent
      yield* tend
    }
    // Looking often is what costs: what takes long already is looked at less often.
    yield* TestClock.adjust(isBusy ? Math.min(20_000, 500 + Math.floor(spent / 8)) : 2_000)
  }
  return undefined
})

const anyBusy = Effect.fnUntraced(function* (processes: ReadonlyArray<Process>) {
  for (const process of processes) {
    yield* process.start
    const actors = process.actors()
    if (actors === undefined || actors.status().some(isUnsettled) || (yield* actors.busy)) return true
  }
  return false
})

const isUnsettled = ({ kind, replicas, state }: ActorStatus) =>
  (kind === "keyed" || kind === "projection") &&
  (state !== "running" ||
    replicas.some(({ partitions }) => partitions.some(({ lag, parked }) => lag > 0 || parked > 0)))
