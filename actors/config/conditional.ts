import { Effect, Option } from "effect"
import { type KafkaError, KvConflict, type KvUnknown, type KvWrite } from "../../src/index.ts"
import type { Precondition } from "./preconditions.ts"

/** Rounds that a write may lose against others which the precondition allows. */
const mostRounds = 8

type WriteError = KvConflict | KvUnknown | KafkaError
type At<A> = (options: KvWrite & { readonly ifVersion?: number }) => Effect.Effect<A, WriteError>

/**
 * A write under a precondition, as compare-and-sets at single versions: only the store's writer knows the present one. Where that is
 * another than was thought but allowed too, it is tried again.
 *
 * @param seen the version this process has of the key; undefined: no value
 * @param write at a version; it changes nothing where the key is at another
 */
export const conditional = <A>(
  key: string,
  precondition: "present" | ReadonlySet<number>,
  seen: number | undefined,
  write: At<A>
): Effect.Effect<A, WriteError> => {
  const allows = (version: number) => precondition === "present" || precondition.has(version)
  const attempt = (version: number, rounds: number): Effect.Effect<A, WriteError> =>
    Effect.catchTag(write({ ifVersion: version }), "KvConflict", (conflict) =>
      Option.match(conflict.current, {
        onSome: (current) => (rounds > 1 && allows(current) ? attempt(current, rounds - 1) : Effect.fail(conflict)),
        onNone: () => Effect.fail(conflict)
      })
    )
  // What this process has may be old, but a version that nothing allows needs no asking.
  const first = seen !== undefined && allows(seen) ? seen : guess(precondition)
  if (first === undefined) return Effect.fail(new KvConflict({ key, current: Option.fromUndefinedOr(seen) }))
  return attempt(first, mostRounds)
}

/** Any version serves to ask: the answer names the present one. */
const guess = (precondition: Exclude<Precondition, "absent">): number | undefined =>
  precondition === "present" ? 1 : precondition.values().next().value
