import { Schema } from "effect"
import { type CheckoutMessage, type Item, Items, OrderStatus, type Place } from "./topics.ts"

const Line = Schema.Struct({
  sku: Schema.String,
  quantity: Schema.Int,
  stock: Schema.Literals(["pending", "reserved", "short"])
})

/** What the saga knows of one order: a fold over `checkouts` that repeats do not change. */
export const Order = Schema.Struct({
  userId: Schema.String,
  channel: Schema.optionalKey(Schema.String),
  /** As they were ordered: what is invoiced. */
  items: Items,
  /** One for each SKU: what is reserved. */
  lines: Schema.Array(Line),
  state: OrderStatus.fields.state,
  delivery: OrderStatus.fields.delivery,
  invoice: OrderStatus.fields.invoice
})
export type Order = typeof Order.Type

/** One line for each SKU, in the order of their first items. */
const linesOf = (items: ReadonlyArray<Item>): Order["lines"] => {
  const quantities = new Map<string, number>()
  for (const { quantity, sku } of items) quantities.set(sku, (quantities.get(sku) ?? 0) + quantity)
  return [...quantities].map(([sku, quantity]) => ({ sku, quantity, stock: "pending" }))
}

/** The price of the whole order in minor units. */
export const totalOf = (items: ReadonlyArray<Item>): number =>
  items.reduce((sum, { price, quantity }) => sum + quantity * price, 0)

const placed = ({ channel, items, userId }: Place): Order => ({
  userId,
  ...(channel === undefined ? {} : { channel }),
  items,
  lines: linesOf(items),
  state: "pending",
  delivery: "pending",
  invoice: null
})

/** A pending order is decided as soon as it can be: by one refusal, or by all consents. */
const decided = (order: Order): Order => {
  if (order.delivery === "cancelled" || order.lines.some(({ stock }) => stock === "short")) {
    return { ...order, state: "rejected" }
  }
  const isWhole = order.delivery === "scheduled" && order.lines.every(({ stock }) => stock === "reserved")
  return isWhole ? { ...order, state: "confirmed" } : order
}

/** An order (null: nobody placed it) after one more message; the same object where it changes nothing. */
export const next = (order: Order | null, message: CheckoutMessage): Order | null => {
  if (order === null) return message._tag === "Place" ? placed(message) : null
  switch (message._tag) {
    case "Place":
      return order // the first wins
    case "StockDecided": {
      const { outcome, sku } = message
      const line = order.lines.find((line) => line.sku === sku)
      if (order.state !== "pending" || line?.stock !== "pending") return order
      return decided({ ...order, lines: order.lines.map((it) => (it === line ? { ...it, stock: outcome } : it)) })
    }
    case "DeliveryDecided": {
      // Of an order that is rejected only the cancellation is news, of one that is confirmed nothing.
      const isNews = order.delivery !== "cancelled" && message.outcome !== order.delivery
      if (!isNews || order.state === "confirmed") return order
      if (order.state === "pending") return decided({ ...order, delivery: message.outcome })
      return message.outcome === "cancelled" ? { ...order, delivery: "cancelled" } : order
    }
    case "Invoiced":
      if (order.state !== "confirmed" || order.invoice !== null) return order
      return { ...order, invoice: { number: message.number } }
  }
}

/** The time for the order is over: what is not confirmed is rejected, and a delivery that did not answer counts as cancelled. */
export const overdue = (order: Order): Order =>
  order.state === "confirmed" ? order : { ...order, state: "rejected", delivery: "cancelled" }

/** Whether nothing more can change. */
export const ended = (order: Order): boolean =>
  order.state === "rejected" ? order.delivery === "cancelled" : order.invoice !== null

const inventoryOf = (order: Order): OrderStatus["inventory"] => {
  if (order.lines.every(({ stock }) => stock === "reserved")) return "reserved"
  // What was not reserved when the order ended will not be.
  const isShort = order.state === "rejected" || order.lines.some(({ stock }) => stock === "short")
  return isShort ? "short" : "pending"
}

export const orderStatus = (order: Order): OrderStatus => ({
  state: order.state,
  inventory: inventoryOf(order),
  delivery: order.delivery,
  invoice: order.invoice
})
