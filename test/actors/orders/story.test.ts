import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Option } from "effect"
import { TestClock } from "effect/testing"
import { checkout, orderTime } from "../../../actors/orders/checkout.ts"
import { delivery } from "../../../actors/orders/delivery.ts"
import { inventory } from "../../../actors/orders/inventory.ts"
import { invoicing } from "../../../actors/orders/invoicing.ts"
import { type Item, orderOutcomes } from "../../../actors/orders/topics.ts"
import { Log, Topic, Topology } from "../../../src/index.ts"
import { TestKit } from "../../../src/testing/index.ts"
import { random } from "../import/random.ts"
import { left, placeAll, shop, stockUp } from "./kit.ts"
import { confirmedOf, lastOutcomes, repeatedAnswers, violations } from "./model.ts"
import { randomOrders, randomStock } from "./random-orders.ts"

type Placed = ReadonlyMap<string, ReadonlyArray<Item>>

const item = (sku: string, quantity: number) => ({ sku, quantity, price: 100 })
const set = new Map([
  ["ant", 3],
  ["bee", 4]
])
const three: Placed = new Map([
  ["ada's", [item("ant", 2), item("bee", 1)]],
  ["bob's", [item("ant", 2), item("bee", 1)]],
  ["cy's", [item("bee", 2)]]
])

const inShop = <A, E>(body: Effect.Effect<A, E, TestKit | Log>, topology: typeof shop = shop) =>
  body.pipe(Effect.provide(Layer.merge(TestKit.layer(topology), Logger.layer([]))))

describe("the story of three orders", () => {
  it.effect("who want more than there is: two get theirs, the third holds nothing, and nobody twice", () =>
    inShop(
      Effect.gen(function* () {
        const kit = yield* TestKit
        yield* stockUp(set)
        yield* placeAll(three)
        yield* placeAll(three) // everybody clicks twice
        yield* kit.quiet
        const end = yield* left({ placed: three, set })
        assert.deepStrictEqual(violations(end), [])
        assert.deepStrictEqual(repeatedAnswers(end), [])
        assert.strictEqual(confirmedOf(end).size, 2)
      })
    )
  )

  for (const actor of [checkout, inventory, delivery, invoicing]) {
    it.effect(`is the same when ${actor.name} crashes at any step`, () =>
      Effect.gen(function* () {
        let [confirmed, runs] = [0, 0]
        for (let steps = 0; steps < 240; steps += 6) {
          const end = yield* inShop(
            Effect.gen(function* () {
              const kit = yield* TestKit
              yield* stockUp(set)
              yield* placeAll(three)
              yield* Effect.repeat(Effect.yieldNow, { times: steps })
              yield* kit.crash(actor)
              yield* kit.quiet
              // A replica that went without leaving holds its partitions until its session ends.
              yield* TestClock.adjust("2 minutes")
              yield* kit.quiet
              return yield* left({ placed: three, set })
            })
          )
          assert.deepStrictEqual(violations(end), [], `after ${steps} steps`)
          assert.deepStrictEqual(repeatedAnswers(end), [], `after ${steps} steps`)
          confirmed += confirmedOf(end).size
          runs++
        }
        assert.strictEqual(confirmed, 2 * runs)
      })
    )
  }

  it.effect("goes on over crashes of all four, again and again, under random orders", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 10; seed++) {
        const next = random(seed)
        const given = { set: randomStock(next, 30), placed: randomOrders(next, 15) }
        const end = yield* inShop(
          Effect.gen(function* () {
            const kit = yield* TestKit
            yield* stockUp(given.set)
            yield* placeAll(given.placed)
            for (let crashes = 0; crashes < 8; crashes++) {
              yield* Effect.repeat(Effect.yieldNow, { times: next(150) })
              yield* kit.crash([checkout, inventory, delivery, invoicing][next(4)]!)
            }
            yield* kit.quiet
            yield* TestClock.adjust("2 minutes")
            yield* kit.quiet
            return yield* left(given)
          })
        )
        assert.deepStrictEqual(violations(end), [], `seed ${seed}`)
        assert.deepStrictEqual(repeatedAnswers(end), [], `seed ${seed}`)
      }
    })
  )
})

describe("an order whose delivery nobody answers", () => {
  const silent = Topology.make("shop", checkout, inventory, invoicing)

  it.effect("is rejected when its time is over, not before, and its stock is free again", () =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      const placed: Placed = new Map([["o", [item("ant", 2)]]])
      yield* stockUp(set)
      yield* placeAll(placed)
      yield* kit.quiet
      yield* TestClock.adjust("14 minutes")
      yield* kit.quiet
      assert.deepStrictEqual(lastOutcomes({ outcomes: yield* kit.read(orderOutcomes) }).get("o"), {
        state: "pending",
        inventory: "reserved",
        delivery: "pending",
        invoice: null
      })
      yield* TestClock.adjust("1 minute")
      yield* kit.quiet
      assert.strictEqual(orderTime, "15 minutes")
      const end = yield* left({ placed, set })
      assert.deepStrictEqual(violations(end), [])
      assert.deepStrictEqual([...confirmedOf(end)], [])
      assert.deepInclude(end.levels.get("ant"), { available: 3, reserved: 0 })
    }).pipe(Effect.provide(TestKit.layer(silent)))
  )
})

describe("what is remembered of an order", () => {
  it.effect("is nothing a week after its end; its stock stays reserved", () =>
    inShop(
      Effect.gen(function* () {
        const kit = yield* TestKit
        yield* stockUp(set)
        yield* placeAll(three)
        yield* kit.quiet
        yield* TestClock.adjust("6 days")
        yield* kit.quiet
        for (const orderId of three.keys()) assert.isTrue(Option.isSome(yield* kit.state(checkout, orderId)))
        yield* TestClock.adjust("1 day")
        yield* kit.quiet
        for (const orderId of three.keys()) {
          assert.isTrue(Option.isNone(yield* kit.state(checkout, orderId)))
          assert.isTrue(Option.isNone(yield* kit.state(delivery, orderId)))
        }
        assert.deepStrictEqual(violations(yield* left({ placed: three, set })), [])
      })
    )
  )
})

describe("records that make no sense", () => {
  it.effect("stop nothing and change nothing, on any of the topics", () =>
    inShop(
      Effect.gen(function* () {
        const kit = yield* TestKit
        const log = yield* Log
        yield* stockUp(set)
        const noise = new TextEncoder().encode('{"_tag":"Reserve","orderId":7,"quantity":-1}')
        for (const topic of ["checkouts", "stock", "orders", "invoice-requests"]) {
          for (const key of ["ant", "ada's", "invoices", "k".repeat(500)]) {
            yield* log.append(Topic.bytes(topic), key, noise)
          }
        }
        yield* placeAll(three)
        yield* kit.quiet
        yield* TestClock.adjust("1 minute")
        yield* kit.quiet
        const dead = yield* Effect.forEach([checkout, inventory, delivery, invoicing], ({ name }) =>
          kit.read(Topic.bytes(`${name}.dead-letters`))
        )
        assert.deepStrictEqual(
          dead.map((letters) => letters.length),
          [4, 4, 4, 4]
        )
        const outcomes = yield* kit.read(orderOutcomes)
        assert.strictEqual(confirmedOf({ outcomes }).size, 2)
        assert.deepStrictEqual([...lastOutcomes({ outcomes }).keys()].toSorted(), [...three.keys()])
      })
    )
  )
})
