import { Schema } from "effect"
import { Topic } from "../../src/index.ts"

/** An id that somebody else chose: a record's key, a part of a path and of every state, so short and without control characters. */
const Id = Schema.String.check(Schema.isPattern(/^[^\p{Cc}\p{Cs}]{1,64}$/u))
export const OrderId = Id
export const Sku = Id

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** Items of one order. Each is a record in the transaction that places the order. */
export const maxItems = 100
/** Pieces in one item, and in one SKU of an order when the items of the same SKU are put together. */
const maxPieces = 10_000

/** `price` of one piece in minor units. At its limits an order still adds up exactly (1e14 < 2^53). */
export const Item = Schema.Struct({ sku: Sku, quantity: between(1, maxPieces), price: between(0, 100_000_000) })
export type Item = typeof Item.Type
export const Items = Schema.Array(Item).check(Schema.isMinLength(1), Schema.isMaxLength(maxItems))

const Pieces = between(1, maxPieces * maxItems)
/** Pieces that can be sold. */
export const Quantity = between(0, 1_000_000_000)
const InvoiceNumber = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))
const Bill = { userId: Id, items: Items, total: Schema.Int }

/** The only command: what a user wants. */
export const Place = Schema.TaggedStruct("Place", {
  userId: Id,
  items: Items,
  channel: Schema.optionalKey(Schema.String)
})
export type Place = typeof Place.Type
const StockDecided = Schema.TaggedStruct("StockDecided", { sku: Sku, outcome: Schema.Literals(["reserved", "short"]) })
const DeliveryDecided = Schema.TaggedStruct("DeliveryDecided", {
  outcome: Schema.Literals(["scheduled", "cancelled"])
})
const Invoiced = Schema.TaggedStruct("Invoiced", { number: InvoiceNumber })

/** The saga's one inbox, keyed orderId: commands, and what the three followers decided. */
export const checkouts = Topic.make("checkouts", {
  key: OrderId,
  value: Schema.Union([Place, StockDecided, DeliveryDecided, Invoiced]),
  cleanup: "7 days"
})
export type CheckoutMessage = (typeof checkouts)["~value"]

/**
 * Keyed sku. `Set`: this many are available from now on, whatever is reserved. `Keep`: the order is confirmed and its reservation
 * stays for good; nothing more will be said about the order. Kept longer than the rest: the view is rebuilt from it.
 */
export const stock = Topic.make("stock", {
  key: Sku,
  value: Schema.Union([
    Schema.TaggedStruct("Set", { quantity: Quantity }),
    Schema.TaggedStruct("Reserve", { orderId: OrderId, quantity: Pieces }),
    Schema.TaggedStruct("Release", { orderId: OrderId }),
    Schema.TaggedStruct("Keep", { orderId: OrderId })
  ]),
  cleanup: "365 days"
})
export type StockMessage = (typeof stock)["~value"]

/** What became of an order, for whoever follows, keyed orderId. A rejection takes back what the completed checkout began. */
export const orders = Topic.make("orders", {
  key: OrderId,
  value: Schema.Union([
    Schema.TaggedStruct("OrderCheckoutCompleted", { userId: Id, items: Items }),
    Schema.TaggedStruct("OrderRejected", {})
  ]),
  cleanup: "7 days"
})

/** Confirmed orders, all under one key: numbers without gaps need one counter. */
export const invoiceRequests = Topic.make("invoice-requests", {
  key: Schema.Literal("invoices"),
  value: Schema.Struct({ orderId: OrderId, ...Bill }),
  cleanup: "7 days"
})

/** Keyed by number, from 1. Kept for good. */
export const invoices = Topic.make("invoices", {
  key: Schema.NumberFromString.check(Schema.isInt()),
  value: Schema.Struct({ orderId: OrderId, ...Bill }),
  cleanup: "compact"
})

/** An order as `GET /orders/{id}` tells it, without its id. */
export const OrderStatus = Schema.Struct({
  state: Schema.Literals(["pending", "confirmed", "rejected"]),
  inventory: Schema.Literals(["pending", "reserved", "short"]),
  delivery: Schema.Literals(["pending", "scheduled", "cancelled"]),
  invoice: Schema.NullOr(Schema.Struct({ number: InvoiceNumber }))
})
export type OrderStatus = typeof OrderStatus.Type

/** The whole status after each change, keyed orderId. A rebuilt view knows the orders of a year. */
export const orderOutcomes = Topic.make("order-outcomes", { key: OrderId, value: OrderStatus, cleanup: "365 days" })
