import { Effect } from "effect"
import type { AnyTopic } from "../actor/topic.ts"
import type { KafkaError } from "../kafka/errors.ts"
import type { Topics } from "../kafka/kafka.ts"
import type { Emitted } from "./collect.ts"

/** Topics that are written to: each is created when it is written to for the first time. */
export interface Creation {
  /** These records are to be settled. */
  readonly note: (records: ReadonlyArray<Emitted>) => void
  /** Creates what is noted and not known to be there. */
  readonly ensure: Effect.Effect<void, KafkaError>
}

/** `existing`: the name of a topic that is there. */
export const make = (topics: Topics, existing: string): Creation => {
  const known = new Set([existing])
  const missing = new Map<string, AnyTopic>()
  return {
    note: (records) => {
      for (const { declared } of records) if (!known.has(declared.name)) missing.set(declared.name, declared)
    },
    ensure: Effect.suspend(() => {
      if (missing.size === 0) return Effect.void
      const wanted = [...missing.values()]
      const done = Effect.sync(() => {
        for (const { name } of wanted) {
          missing.delete(name)
          known.add(name)
        }
      })
      return Effect.andThen(topics.ensure(wanted.map(({ spec }) => spec)), done)
    })
  }
}
