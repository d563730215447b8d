import { Effect, Layer, Option, Schema } from "effect"
import { HttpRouter } from "effect/http"
import { json, jsonBody, Log, problem, requestedChannel } from "../../src/index.ts"
import { findStock } from "./inventory-view.ts"
import { ordersView } from "./orders-view.ts"
import { checkouts, OrderId, Place, Quantity, Sku, stock } from "./topics.ts"

const Checkout = Schema.Struct({ orderId: OrderId, userId: Place.fields.userId, items: Place.fields.items })

/**
 * 202 once the command is in the log. An order that is known stays as it is: the actor knows it for days after its end, the view
 * for good.
 */
const postCheckout = HttpRouter.add(
  "POST",
  "/checkouts",
  Effect.gen(function* () {
    const channel = yield* requestedChannel
    const { orderId, ...order } = yield* jsonBody(Checkout)
    if (Option.isNone(yield* ordersView.find(orderId))) {
      const command = { _tag: "Place", ...order, ...(channel === undefined ? {} : { channel }) } as const
      yield* (yield* Log).append(checkouts, orderId, command)
    }
    return json({ orderId, channel: channel ?? null }, 202)
  })
)

const getOrder = HttpRouter.add(
  "GET",
  "/orders/:orderId",
  Effect.gen(function* () {
    const { orderId = "" } = yield* HttpRouter.params
    return Option.match(yield* ordersView.find(orderId), {
      onNone: () => problem(404, "UnknownOrder", `no order has the id ${JSON.stringify(orderId)}`),
      onSome: (status) => json({ orderId, ...status })
    })
  })
)

const putStock = HttpRouter.add(
  "PUT",
  "/inventory/:sku",
  Effect.gen(function* () {
    const { sku } = yield* HttpRouter.schemaPathParams(Schema.Struct({ sku: Sku }))
    const { quantity } = yield* jsonBody(Schema.Struct({ quantity: Quantity }))
    yield* (yield* Log).append(stock, sku, { _tag: "Set", quantity })
    return json({ sku, quantity }, 202)
  })
)

const getStock = HttpRouter.add(
  "GET",
  "/inventory/:sku",
  Effect.gen(function* () {
    const { sku = "" } = yield* HttpRouter.params
    return Option.match(yield* findStock(sku), {
      onNone: () => problem(404, "UnknownSku", `no stock was ever set of ${JSON.stringify(sku)}`),
      onSome: (level) => json(level)
    })
  })
)

/** The routes of the orders; every GET reads a SQL view. */
export const orderRoutes = Layer.mergeAll(postCheckout, getOrder, putStock, getStock)
