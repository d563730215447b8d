import { Clock, Effect, Random } from "effect"
import { ConnectionError, toKafkaError } from "./connections.ts"
import type { KafkaError } from "../errors.ts"

/** Waits before attempt n + 1: 50 ms, doubled to at most 1 s, half of it at random so that clients do not return in step. */
export const pause = Effect.fnUntraced(function* (attempt: number): Effect.fn.Return<void> {
  const limit = Math.min(1_000, 50 * 2 ** Math.min(attempt, 10))
  yield* Effect.sleep(limit / 2 + (yield* Random.next) * (limit / 2))
})

/** An answer, or why to ask again. */
export type Attempt<A> = { readonly done: A } | { readonly again: KafkaError }

export const done = <A>(value: A): Attempt<A> => ({ done: value })
export const again = (error: KafkaError): Attempt<never> => ({ again: error })

/** An attempt whose broker is away is made again; one that was refused is not. */
export const awayIsAgain = <A, E, R>(
  attempt: Effect.Effect<Attempt<A>, E | ConnectionError, R>
): Effect.Effect<Attempt<A>, Exclude<E, ConnectionError> | KafkaError, R> =>
  attempt.pipe(
    Effect.catchIf(
      (error) => error instanceof ConnectionError,
      (error): Effect.Effect<Attempt<A>, KafkaError> =>
        error.kind === "away" ? Effect.succeed(again(toKafkaError(error))) : Effect.fail(toKafkaError(error))
    )
  ) as Effect.Effect<Attempt<A>, Exclude<E, ConnectionError> | KafkaError, R>

/**
 * Repeats the attempt, with back-off, until it is done or `patience` (milliseconds) is over; then fails with the last
 * reason to ask again. Infinite patience is allowed.
 */
export const retrying = Effect.fnUntraced(function* <A, E, R>(
  patience: number,
  attempt: (n: number) => Effect.Effect<Attempt<A>, E | ConnectionError, R>
): Effect.fn.Return<A, Exclude<E, ConnectionError> | KafkaError, R> {
  const deadline = (yield* Clock.currentTimeMillis) + patience
  for (let n = 0; ; n++) {
    const result = yield* awayIsAgain(attempt(n))
    if ("done" in result) return result.done
    if ((yield* Clock.currentTimeMillis) >= deadline) return yield* result.again
    yield* pause(n)
  }
})
