import { Effect, Schema } from "effect"
import { Actor, type Turn } from "../../src/index.ts"
import { ended, next, Order, orderStatus, overdue, totalOf } from "./order.ts"
import { checkouts, invoiceRequests, type OrderStatus, orderOutcomes, orders, stock } from "./topics.ts"

/** How long the three may take. Then an order that is still pending is rejected, and what it holds is released. */
export const orderTime = "15 minutes"
/** How long an order is known after its end: a repeat cannot be in the inbox any longer. */
const memory = checkouts.spec.retention!
/** How long a confirmed order waits for its number: as long as a dead letter of `invoicing` can be replayed. */
const invoicePatience = "30 days"

type OrderTurn = Turn<string, "overdue" | "forget">

const place = Effect.fnUntraced(function* (order: Order, turn: OrderTurn) {
  yield* turn.emit(orders, turn.key, { _tag: "OrderCheckoutCompleted", userId: order.userId, items: order.items })
  for (const { quantity, sku } of order.lines) {
    yield* turn.emit(stock, sku, { _tag: "Reserve", orderId: turn.key, quantity })
  }
  yield* turn.set("overdue", { after: orderTime })
})

const confirm = Effect.fnUntraced(function* (order: Order, turn: OrderTurn) {
  for (const { sku } of order.lines) yield* turn.emit(stock, sku, { _tag: "Keep", orderId: turn.key })
  const { items, userId } = order
  yield* turn.emit(invoiceRequests, "invoices", { orderId: turn.key, userId, items, total: totalOf(items) })
  yield* turn.cancel("overdue")
  yield* turn.set("forget", { after: invoicePatience })
})

/** What is not decided yet is released too: the release arrives behind the reserve. */
const reject = Effect.fnUntraced(function* (order: Order, turn: OrderTurn) {
  for (const line of order.lines) {
    if (line.stock !== "short") yield* turn.emit(stock, line.sku, { _tag: "Release", orderId: turn.key })
  }
  yield* turn.emit(orders, turn.key, { _tag: "OrderRejected" })
})

const isSame = (a: OrderStatus, b: OrderStatus): boolean =>
  a.state === b.state && a.inventory === b.inventory && a.delivery === b.delivery && a.invoice === b.invoice

/** Everything that follows from an order's change, settled together with it. */
const follow = Effect.fnUntraced(function* (before: Order | null, after: Order, turn: OrderTurn) {
  if (after === before) return after
  if (before === null) yield* place(after, turn)
  if (after.state !== (before?.state ?? "pending")) {
    yield* after.state === "confirmed" ? confirm(after, turn) : reject(after, turn)
  }
  const status = orderStatus(after)
  if (before === null || !isSame(orderStatus(before), status)) yield* turn.emit(orderOutcomes, turn.key, status)
  if (before?.state !== after.state) {
    yield* turn.report(after.channel, { kind: "order", orderId: turn.key, state: after.state })
  }
  if (ended(after)) {
    yield* turn.cancel("overdue")
    yield* turn.set("forget", { after: memory })
  }
  return after
})

/**
 * The saga of an order: asks for stock and delivery, confirms when all of it is granted, takes everything back when anything is not.
 * Its decision, the requests that follow from it and the consumed message are one transaction.
 */
export const checkout = Actor.make("checkout", {
  inbox: checkouts,
  emits: [stock, orders, invoiceRequests, orderOutcomes],
  state: Schema.NullOr(Order),
  initial: null,
  timers: ["overdue", "forget"]
}).handle({
  message: Effect.fnUntraced(function* (before, message, turn) {
    const after = next(before, message)
    // Stock that nobody waits for goes back. Where it has gone back, or is kept, already, this changes nothing.
    if (message._tag === "StockDecided" && message.outcome === "reserved" && !isWanted(after, message.sku)) {
      yield* turn.emit(stock, message.sku, { _tag: "Release", orderId: turn.key })
    }
    return after === null ? null : yield* follow(before, after, turn)
  }),
  timer: {
    overdue: (before, turn) => (before === null ? Effect.succeed(null) : follow(before, overdue(before), turn)),
    forget: () => Effect.succeed(null)
  }
})

const isWanted = (order: Order | null, sku: string): boolean =>
  order !== null && order.state !== "rejected" && order.lines.some((line) => line.sku === sku)
