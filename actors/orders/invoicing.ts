import { Effect, Schema } from "effect"
import { Actor } from "../../src/index.ts"
import { checkouts, invoiceRequests, invoices } from "./topics.ts"

/** Orders that are known to be invoiced, the newest: they are in one state with the counter, written with every invoice. */
export const maxRecent = 1_000

/** Numbers the invoices from 1, without gaps: number, invoice and answer are one transaction, under one key. */
export const invoicing = Actor.make("invoicing", {
  inbox: invoiceRequests,
  emits: [invoices, checkouts],
  state: Schema.Struct({ last: Schema.Int, recent: Schema.Array(Schema.String) }),
  initial: { last: 0, recent: [] }
}).handle({
  message: Effect.fnUntraced(function* (state, request, turn) {
    const { orderId } = request
    if (state.recent.includes(orderId)) return state
    const number = state.last + 1
    yield* turn.emit(invoices, number, request)
    yield* turn.emit(checkouts, orderId, { _tag: "Invoiced", number })
    return { last: number, recent: [...state.recent, orderId].slice(-maxRecent) }
  })
})
