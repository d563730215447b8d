import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { checkout } from "../../../actors/orders/checkout.ts"
import { delivery } from "../../../actors/orders/delivery.ts"
import { inventory } from "../../../actors/orders/inventory.ts"
import { invoicing, maxRecent } from "../../../actors/orders/invoicing.ts"
import { checkouts, invoiceRequests, orders, stock } from "../../../actors/orders/topics.ts"
import { random } from "../import/random.ts"
import { confirmedOf, demand, lastOutcomes, oneByOne, repeatedAnswers, violations } from "./model.ts"
import { randomOrders, randomStock, skus } from "./random-orders.ts"
import { world } from "./world.ts"

const seeds = Array.from({ length: 200 }, (_, i) => i + 1)
const item = (sku: string, quantity: number, price = 100) => ({ sku, quantity, price })
const statusOf = (it: ReturnType<typeof world>, orderId: string) => lastOutcomes(it.left()).get(orderId)
const isOk = (it: ReturnType<typeof world>, seed: number) =>
  assert.deepStrictEqual(violations(it.left()), [], `seed ${seed}`)

describe("an order", () => {
  it.effect("is confirmed, kept, delivered and invoiced when all of it is there, and tells its channel", () =>
    Effect.gen(function* () {
      const it = world({ seed: 1 })
      yield* it.stockUp(
        new Map([
          ["ant", 5],
          ["bee", 2]
        ])
      )
      it.place("o", [item("ant", 2, 100), item("bee", 2, 50)], "channel")
      yield* it.run
      assert.deepStrictEqual(statusOf(it, "o"), {
        state: "confirmed",
        inventory: "reserved",
        delivery: "scheduled",
        invoice: { number: 1 }
      })
      assert.deepInclude(it.state(inventory, "ant"), { available: 3, reserved: 2 })
      assert.deepStrictEqual(it.reported, [
        { channel: "channel", event: { kind: "order", orderId: "o", state: "pending" } },
        { channel: "channel", event: { kind: "order", orderId: "o", state: "confirmed" } }
      ])
      assert.strictEqual(it.left().invoices[0]![1].total, 300)
      isOk(it, 1)
    })
  )

  it.effect(
    "is rejected where one SKU is short: what was reserved is free again, the delivery cancelled, nothing invoiced",
    () =>
      Effect.gen(function* () {
        for (const seed of seeds) {
          const it = world({ seed })
          yield* it.stockUp(
            new Map([
              ["ant", 5],
              ["bee", 1],
              ["cat", 5]
            ])
          )
          it.place("o", [item("ant", 2), item("bee", 2), item("cat", 1), item("nobody-sells-it", 1)])
          yield* it.run
          assert.deepStrictEqual(statusOf(it, "o"), {
            state: "rejected",
            inventory: "short",
            delivery: "cancelled",
            invoice: null
          })
          assert.deepInclude(it.state(inventory, "ant"), { available: 5, reserved: 0 })
          isOk(it, seed)
        }
      })
  )

  it.effect("may name a SKU twice: the quantities are one reservation, each item keeps its price", () =>
    Effect.gen(function* () {
      const it = world({ seed: 1 })
      yield* it.stockUp(new Map([["ant", 3]]))
      it.place("whole", [item("ant", 1, 100), item("ant", 2, 90)])
      yield* it.run
      it.place("more", [item("ant", 1), item("ant", 2)])
      yield* it.run
      assert.deepStrictEqual([...confirmedOf(it.left())], ["whole"])
      assert.strictEqual(it.left().invoices[0]![1].total, 280)
      isOk(it, 1)
    })
  )

  it.effect("is placed once: under a known id the first body wins, also after the end", () =>
    Effect.gen(function* () {
      const it = world({ seed: 1 })
      yield* it.stockUp(new Map([["ant", 10]]))
      it.place("o", [item("ant", 1)])
      it.place("o", [item("ant", 7)])
      yield* it.run
      it.place("o", [item("ant", 5)])
      yield* it.run
      assert.deepInclude(it.state(inventory, "ant"), { available: 9, reserved: 1 })
      assert.strictEqual(it.left().invoices.length, 1)
      isOk(it, 1)
    })
  )
})

describe("many orders", () => {
  it.effect("one by one are confirmed exactly when the stock left is enough", () =>
    Effect.gen(function* () {
      for (const seed of seeds) {
        const next = random(seed)
        const it = world({ seed })
        const [set, placed] = [randomStock(next, 20), randomOrders(next, 12)]
        yield* it.stockUp(set)
        for (const [orderId, items] of placed) {
          it.place(orderId, items)
          yield* it.run
        }
        assert.deepStrictEqual(confirmedOf(it.left()), oneByOne(set, placed), `seed ${seed}`)
        isOk(it, seed)
        assert.deepStrictEqual(repeatedAnswers(it.left()), [])
      }
    })
  )

  it.effect("at once never oversell, leave nothing held, are invoiced from 1 without gaps, and all end", () =>
    Effect.gen(function* () {
      let confirmed = 0
      for (const seed of seeds) {
        const next = random(seed)
        const it = world({ seed })
        yield* it.stockUp(randomStock(next, 30))
        for (const [orderId, items] of randomOrders(next, 20)) it.place(orderId, items)
        yield* it.run
        confirmed += confirmedOf(it.left()).size
        isOk(it, seed)
        assert.deepStrictEqual(repeatedAnswers(it.left()), [])
      }
      assert.isAbove(confirmed, seeds.length)
      assert.isBelow(confirmed, 20 * seeds.length)
    })
  )

  it.effect("are all confirmed, whatever their order, where there is enough for all", () =>
    Effect.gen(function* () {
      for (const seed of seeds) {
        const it = world({ seed, unruly: true })
        const placed = randomOrders(random(seed), 20)
        yield* it.stockUp(demand(placed.values()))
        for (const [orderId, items] of placed) it.place(orderId, items)
        yield* it.run
        assert.strictEqual(confirmedOf(it.left()).size, 20, `seed ${seed}`)
        isOk(it, seed)
      }
    })
  )

  it.effect("hold to this when every message comes up to three times, in any order under its key", () =>
    Effect.gen(function* () {
      for (const seed of seeds) {
        const next = random(seed)
        const it = world({ seed, unruly: true })
        yield* it.stockUp(randomStock(next, 30))
        for (const [orderId, items] of randomOrders(next, 20)) it.place(orderId, items)
        yield* it.run
        isOk(it, seed)
      }
    })
  )
})

describe("an order that hangs", () => {
  const answers = ["StockDecided", "DeliveryDecided", "Reserve", "OrderCheckoutCompleted", "OrderRejected"]

  it.effect("is rejected when its time is over, whoever did not answer, and holds nothing", () =>
    Effect.gen(function* () {
      for (const seed of seeds) {
        for (const tag of answers) {
          const next = random(seed)
          const it = world({
            seed,
            lost: ({ value }) => (value as { _tag?: string })._tag === tag && next(3) === 0
          })
          yield* it.stockUp(randomStock(random(seed), 30))
          for (const [orderId, items] of randomOrders(random(seed), 10)) it.place(orderId, items)
          yield* it.run
          yield* it.fire(checkout, "overdue")
          yield* it.run
          isOk(it, seed)
        }
      }
    })
  )

  it.effect("tells its channel of the rejection, and a delivery that comes too late is cancelled", () =>
    Effect.gen(function* () {
      const it = world({ seed: 1, lost: ({ topic }) => topic === "stock" })
      yield* it.stockUp(new Map([["ant", 1]]))
      it.place("o", [item("ant", 1)], "channel")
      yield* it.run
      assert.deepInclude(statusOf(it, "o"), { state: "pending", delivery: "scheduled" })
      yield* it.fire(checkout, "overdue")
      yield* it.run
      assert.deepStrictEqual(statusOf(it, "o"), {
        state: "rejected",
        inventory: "short",
        delivery: "cancelled",
        invoice: null
      })
      assert.strictEqual(it.state(delivery, "o"), "cancelled")
      assert.deepStrictEqual(it.reported.at(-1), {
        channel: "channel",
        event: { kind: "order", orderId: "o", state: "rejected" }
      })
    })
  )

  it.effect("stays confirmed where only its invoice is missing, and takes the number when it comes", () =>
    Effect.gen(function* () {
      const it = world({ seed: 1, lost: ({ topic }) => topic === "invoice-requests" })
      yield* it.stockUp(new Map([["ant", 1]]))
      it.place("o", [item("ant", 1)])
      yield* it.run
      yield* it.fire(checkout, "overdue")
      yield* it.run
      assert.deepInclude(statusOf(it, "o"), { state: "confirmed", invoice: null })
      it.send(checkouts, "o", { _tag: "Invoiced", number: 1 })
      yield* it.run
      assert.deepInclude(statusOf(it, "o"), { state: "confirmed", invoice: { number: 1 } })
    })
  )

  it.effect("and never gets its invoice is forgotten too", () =>
    Effect.gen(function* () {
      const it = world({ seed: 1, lost: ({ topic }) => topic === "invoice-requests" })
      yield* it.stockUp(new Map([["ant", 1]]))
      it.place("o", [item("ant", 1)])
      yield* it.run
      yield* it.fire(checkout, "forget")
      assert.isNull(it.state(checkout, "o"))
    })
  )
})

describe("what is remembered", () => {
  it.effect("of an order is gone from checkout and delivery a week after its end, in every seed", () =>
    Effect.gen(function* () {
      for (const seed of seeds.slice(0, 50)) {
        const it = world({ seed, unruly: true })
        const placed = randomOrders(random(seed), 10)
        yield* it.stockUp(randomStock(random(seed), 30))
        for (const [orderId, items] of placed) it.place(orderId, items)
        yield* it.run
        yield* it.fire(checkout, "forget")
        yield* it.fire(delivery, "forget")
        for (const orderId of placed.keys()) {
          assert.isNull(it.state(checkout, orderId), `seed ${seed}`)
          assert.isNull(it.state(delivery, orderId), `seed ${seed}`)
        }
      }
    })
  )

  it.effect("by invoicing is bounded, and numbers go on without gaps beyond it", () =>
    Effect.gen(function* () {
      const it = world({ seed: 1 })
      for (let n = 0; n < maxRecent + 10; n++) {
        const request = { orderId: `o${n}`, userId: "ada", items: [item("ant", 1)], total: 100 }
        it.send(invoiceRequests, "invoices", request)
        it.send(invoiceRequests, "invoices", request)
      }
      yield* it.run
      const { last, recent } = it.state(invoicing, "invoices") as { last: number; recent: ReadonlyArray<string> }
      assert.strictEqual(last, maxRecent + 10)
      assert.strictEqual(recent.length, maxRecent)
      assert.deepStrictEqual(
        it.left().invoices.map(([number]) => number),
        Array.from({ length: maxRecent + 10 }, (_, i) => i + 1)
      )
    })
  )
})

describe("followers on their own", () => {
  it.effect("give stock back that nobody waits for: of an order that is unknown, over, or of another SKU", () =>
    Effect.gen(function* () {
      const it = world({ seed: 1 })
      yield* it.stockUp(new Map(skus.map((sku) => [sku, 5])))
      it.place("rejected", [item("ant", 6)])
      it.place("confirmed", [item("ant", 1)])
      yield* it.run
      for (const orderId of ["unknown", "rejected", "confirmed"]) {
        it.send(stock, "bee", { _tag: "Reserve", orderId, quantity: 2 })
      }
      yield* it.run
      isOk(it, 1)
      assert.deepInclude(it.state(inventory, "bee"), { available: 5, reserved: 0, open: [] })
    })
  )

  it.effect("do not deliver what was rejected before the checkout was heard of", () =>
    Effect.gen(function* () {
      const it = world({ seed: 1 })
      it.send(orders, "o", { _tag: "OrderRejected" })
      it.send(orders, "o", { _tag: "OrderCheckoutCompleted", userId: "ada", items: [item("ant", 1)] })
      yield* it.run
      assert.strictEqual(it.state(delivery, "o"), "cancelled")
      assert.deepStrictEqual(
        it.written(checkouts).map(([, value]) => value as unknown),
        [{ _tag: "DeliveryDecided", outcome: "cancelled" }]
      )
    })
  )
})
