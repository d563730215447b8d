import { Option } from "effect"
import { Projection } from "../../src/projection/index.ts"
import { OrderStatus, orderOutcomes } from "./topics.ts"

/** The newest status of every order, for good: the view behind `GET /orders/{id}`. All of an order's come from one writer, in order. */
export const ordersView = Projection.fold("orders-view", {
  inbox: orderOutcomes,
  table: "orders",
  state: OrderStatus,
  fold: (_, { value }) => Option.getOrUndefined(value)
})
