import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { inventory } from "../../../actors/orders/inventory.ts"
import type { Level } from "../../../actors/orders/level.ts"
import { checkouts, invoices, type Item, orderOutcomes, stock } from "../../../actors/orders/topics.ts"
import { type Scenario, simulate } from "../../../src/testing/index.ts"
import { shop } from "./kit.ts"
import { confirmedOf, repeatedAnswers, violations } from "./model.ts"
import { randomItems, skus } from "./random-orders.ts"

const seeds = 12
/** Enough of each for some of the orders of a run. */
const set = new Map(skus.map((sku, n) => [sku, 15 + 15 * n]))

/** Random orders, some ids with two bodies. `told` hears how many orders were confirmed, of how many. */
const scenario = (told: (confirmed: number, placed: number) => void) => (): Scenario => {
  const placed = new Map<string, ReadonlyArray<Item>>()
  return {
    topology: shop,
    prepare: (world) =>
      Effect.forEach(set, ([sku, quantity]) => world.send(stock, sku, { _tag: "Set", quantity }), { discard: true }),
    send: (world, draw) => {
      const items = randomItems((below) => draw.below(below))
      const orderId = `order-${draw.below(4) === 0 ? draw.below(placed.size + 1) : placed.size}`
      if (!placed.has(orderId)) placed.set(orderId, items)
      return world.send(checkouts, orderId, { _tag: "Place", userId: "ada", items })
    },
    check: Effect.fnUntraced(function* (world) {
      const levels = new Map<string, Level>()
      for (const sku of set.keys()) {
        const level = Option.getOrNull(yield* world.state(inventory, sku))
        if (level !== null) levels.set(sku, level)
      }
      const left = {
        placed,
        set,
        levels,
        outcomes: yield* world.read(orderOutcomes),
        invoices: yield* world.read(invoices),
        checkouts: yield* world.read(checkouts)
      }
      told(confirmedOf(left).size, placed.size)
      return [...violations(left), ...repeatedAnswers(left)]
    })
  }
}

describe("orders, while processes are killed and frozen and the broker is in bad shape", () => {
  it.live(
    `all end, nothing is sold twice, invoices have no gaps, and each follower answers once: ${seeds} seeds`,
    () =>
      Effect.gen(function* () {
        let [confirmed, placed] = [0, 0]
        const { faults } = yield* simulate(
          scenario((some, all) => {
            confirmed += some
            placed += all
          }),
          { seeds }
        )
        assert.isAbove(confirmed, seeds)
        assert.isBelow(confirmed, placed)
        assert.isAbove(faults.size, 5)
      }),
    120_000
  )
})
