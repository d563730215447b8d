import { Effect, Option } from "effect"
import { checkout } from "../../../actors/orders/checkout.ts"
import { delivery } from "../../../actors/orders/delivery.ts"
import { inventory } from "../../../actors/orders/inventory.ts"
import { invoicing } from "../../../actors/orders/invoicing.ts"
import type { Level } from "../../../actors/orders/level.ts"
import { checkouts, invoices, type Item, orderOutcomes, stock } from "../../../actors/orders/topics.ts"
import { Topology } from "../../../src/index.ts"
import { TestKit } from "../../../src/testing/index.ts"
import type { Left } from "./model.ts"

export const shop = Topology.make("shop", checkout, inventory, delivery, invoicing)

/** Sets the stock; it is there before anything is ordered. */
export const stockUp = Effect.fnUntraced(function* (set: ReadonlyMap<string, number>) {
  const kit = yield* TestKit
  for (const [sku, quantity] of set) yield* kit.send(stock, sku, { _tag: "Set", quantity })
  yield* kit.quiet
})

export const placeAll = Effect.fnUntraced(function* (placed: ReadonlyMap<string, ReadonlyArray<Item>>) {
  const kit = yield* TestKit
  for (const [orderId, items] of placed) yield* kit.send(checkouts, orderId, { _tag: "Place", userId: "ada", items })
})

/** What is in the log, committed. */
export const left = Effect.fnUntraced(function* (given: Pick<Left, "placed" | "set">) {
  const kit = yield* TestKit
  const levels = new Map<string, Level>()
  for (const sku of given.set.keys()) {
    const level = Option.getOrNull(yield* kit.state(inventory, sku))
    if (level !== null) levels.set(sku, level)
  }
  return {
    ...given,
    levels,
    outcomes: yield* kit.read(orderOutcomes),
    invoices: yield* kit.read(invoices),
    checkouts: yield* kit.read(checkouts)
  } satisfies Left
})
