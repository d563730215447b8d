import { Effect, Schema } from "effect"
import { Actor, Topic } from "../../src/index.ts"

class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", {}) {}

export const partitions = 6
/** Numbers, ascending for each key. */
export const ticks = Topic.make("ticks", { value: Schema.Int, partitions })
/** The number, and the how manyeth of its key it was. */
export const counts = Topic.make("counts", {
  value: Schema.Struct({ tick: Schema.Int, count: Schema.Int }),
  partitions
})

/** Counts the ticks of each key. Every eleventh fails at first: it parks its key, and the ticks behind it wait, in the log. */
export const counter = Actor.make("counter", { inbox: ticks, emits: [counts], state: Schema.Int, initial: 0 })
  .handle({
    message: Effect.fnUntraced(function* (state, tick, turn) {
      if (tick % 11 === 0 && turn.attempt === 1) return yield* new Unavailable()
      yield* turn.emit(counts, turn.key, { tick, count: state + 1 })
      return state + 1
    })
  })
  .errors({ Unavailable: { retry: { base: "200 millis" }, then: "dead-letter" } })
