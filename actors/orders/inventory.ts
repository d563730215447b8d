import { Effect, Schema } from "effect"
import { Actor } from "../../src/index.ts"
import { Level, move } from "./level.ts"
import { checkouts, stock } from "./topics.ts"

/** Reserves stock for orders, SKU by SKU: each order once, and never more than there is. */
export const inventory = Actor.make("inventory", {
  inbox: stock,
  emits: [checkouts],
  state: Schema.NullOr(Level),
  initial: null
}).handle({
  message: Effect.fnUntraced(function* (before, message, turn) {
    const { answer, level } = move(before, message)
    if (answer !== undefined && message._tag === "Reserve") {
      yield* turn.emit(checkouts, message.orderId, { _tag: "StockDecided", sku: turn.key, outcome: answer })
    }
    return level
  })
})
