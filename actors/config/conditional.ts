import { Effect, Option, Schema } from "effect"
import { type KafkaError, KvConflict, type KvUnknown, type KvWrite } from "../../src/index.ts"
import type { Precondition } from "./preconditions.ts"

/** Rounds that a write may lose against others which the precondition allows: of so many at once each gets its turn. */
const mostRounds = 64

/** The precondition held, but others wrote the key each time: nothing was written, and to ask again may help. */
export class Contended extends Schema.TaggedError<Contended>()("Contended", { key: Schema.String }) {
  override get message(): string {
    return `others write ${this.key} all the time`
  }
}

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
): Effect.Effect<A, WriteError | Contended> => {
  const allows = (version: number) => precondition === "present" || precondition.has(version)
  const attempt = (version: number, rounds: number): Effect.Effect<A, WriteError | Contended> =>
    Effect.catchTag(write({ ifVersion: version }), "KvConflict", (conflict) =>
      Option.match(conflict.current, {
        onSome: (current) => {
          if (!allows(current)) return Effect.fail(conflict)
          return rounds > 1 ? attempt(current, rounds - 1) : Effect.fail(new Contended({ key }))
        },
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
