import { Effect, Schema } from "effect"
import { Actor } from "../../src/index.ts"
import { checkouts, orders } from "./topics.ts"

/** Schedules the delivery of an order, and cancels it for good: a checkout that is heard of after its rejection changes nothing. */
export const delivery = Actor.make("delivery", {
  inbox: orders,
  emits: [checkouts],
  state: Schema.NullOr(Schema.Literals(["scheduled", "cancelled"])),
  initial: null,
  timers: ["forget"]
}).handle({
  message: Effect.fnUntraced(function* (before, message, turn) {
    const after = message._tag === "OrderRejected" ? "cancelled" : (before ?? "scheduled")
    if (after === before) return before
    yield* turn.emit(checkouts, turn.key, { _tag: "DeliveryDecided", outcome: after })
    // As long as a repeat could still be in the inbox.
    yield* turn.set("forget", { after: orders.spec.retention! })
    return after
  }),
  timer: { forget: () => Effect.succeed(null) }
})
