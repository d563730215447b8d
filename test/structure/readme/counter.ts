import { Effect, Schema } from "effect"
import { Actor, Topic } from "sixfold"

const visits = Topic.make("visits", { value: Schema.Struct({ page: Schema.String }) })
const milestones = Topic.make("milestones", { value: Schema.Struct({ visits: Schema.Int }) })

/** Counts each visitor's visits and announces every hundredth: once, whatever crashes. */
export const counter = Actor.make("visit-counter", {
  inbox: visits,
  state: Schema.Struct({ visits: Schema.Int }),
  initial: { visits: 0 }
}).handle({
  message: Effect.fnUntraced(function* (state, _visit, turn) {
    const visits = state.visits + 1
    if (visits % 100 === 0) yield* turn.emit(milestones, turn.key, { visits })
    return { visits }
  })
})
