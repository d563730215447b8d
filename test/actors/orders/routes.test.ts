import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import type { Scope } from "effect"
import type { SqlClient } from "effect/sql"
import { inventoryView } from "../../../actors/orders/inventory-view.ts"
import { ordersView } from "../../../actors/orders/orders-view.ts"
import { orderRoutes } from "../../../actors/orders/routes.ts"
import type { OrderStatus, StockMessage } from "../../../actors/orders/topics.ts"
import { Channels, KafkaError, Log } from "../../../src/index.ts"
import { Sqlite } from "../../../src/projection/index.ts"
import type { AnyProjection } from "../../../src/projection/index.ts"
import { ChannelKeys } from "../../../src/status/channelKeys.ts"
import { exchange, head, serving, tag } from "../../http/wire.ts"

const fill = ({ definition }: AnyProjection, records: ReadonlyArray<readonly [key: string, value: unknown]>) =>
  definition.apply(
    definition.table,
    records.map(([key, value], offset) => ({ topic: "t", key, value: Option.some(value), offset }))
  )
const filledOrders = (...records: ReadonlyArray<readonly [string, OrderStatus]>) => fill(ordersView, records)
const filledStock = (...records: ReadonlyArray<readonly [string, StockMessage]>) => fill(inventoryView, records)

/** The routes with views in memory, and a log that tells what was appended. */
const given = Effect.gen(function* () {
  const appended: Array<readonly [topic: string, key: string, value: unknown]> = []
  let isAway = false
  const append: Log["Service"]["append"] = (topic, key, value) =>
    Effect.suspend(() => {
      if (isAway) return Effect.fail(new KafkaError({ reason: "Unavailable", message: "no broker" }))
      appended.push([topic.name, String(key), value])
      return Effect.succeed({ topic: topic.name, partition: 0, offset: 0 })
    })
  const log = Log.of({ append, read: () => Effect.succeedNone })
  yield* ordersView.definition.create(ordersView.definition.table)
  yield* inventoryView.definition.create(inventoryView.definition.table)
  const channels = yield* Layer.build(Layer.provide(Channels.layer, ChannelKeys.layerRandom))
  const { channel } = yield* Effect.provideContext(
    Effect.flatMap(Channels, (it) => it.create),
    channels
  )
  const { port } = yield* serving(orderRoutes).pipe(Effect.provideContext(channels), Effect.provideService(Log, log))
  const send = (method: string, path: string, body: unknown, type = "application/json") => {
    const text = typeof body === "string" ? body : JSON.stringify(body)
    const lines = [`Content-Type: ${type}`, `Content-Length: ${Buffer.byteLength(text)}`]
    return exchange(port, head(port, method, path, ...lines) + text)
  }
  const get = (path: string) => exchange(port, head(port, "GET", path))
  return {
    appended,
    channel,
    get,
    send,
    goAway: () => {
      isAway = true
    }
  }
})
const story = <A, E>(name: string, body: Effect.Effect<A, E, SqlClient.SqlClient | Scope.Scope>) =>
  it.effect(name, () => Effect.provide(Effect.scoped(body), Sqlite.layer(":memory:")))

const order = { orderId: "o", userId: "ada", items: [{ sku: "ant", quantity: 2, price: 100 }] }
const pending: OrderStatus = { state: "pending", inventory: "pending", delivery: "pending", invoice: null }
const confirmed: OrderStatus = {
  state: "confirmed",
  inventory: "reserved",
  delivery: "scheduled",
  invoice: { number: 7 }
}

describe("POST /checkouts", () => {
  story(
    "is 202 with the command in the log, with its channel where it names one",
    Effect.gen(function* () {
      const { appended, channel, send } = yield* given
      const plain = yield* send("POST", "/checkouts", order)
      assert.deepStrictEqual([plain.status, JSON.parse(plain.body)], [202, { orderId: "o", channel: null }])
      assert.strictEqual((yield* send("POST", `/checkouts?channel=${channel}`, order)).status, 202)
      const command = { _tag: "Place", userId: "ada", items: order.items }
      assert.deepStrictEqual(appended, [
        ["checkouts", "o", command],
        ["checkouts", "o", { ...command, channel }]
      ])
    })
  )

  story(
    "writes nothing for an order that is known, however long ago it ended",
    Effect.gen(function* () {
      const { appended, send } = yield* given
      yield* filledOrders(["o", confirmed])
      assert.strictEqual((yield* send("POST", "/checkouts", { ...order, userId: "bob" })).status, 202)
      assert.deepStrictEqual(appended, [])
    })
  )

  const item = order.items[0]!
  const bad: ReadonlyArray<readonly [string, unknown]> = [
    ["no JSON", "{"],
    ["nothing", ""],
    ["null", "null"],
    ["no id", { ...order, orderId: undefined }],
    ["an empty id", { ...order, orderId: "" }],
    ["an endless id", { ...order, orderId: "x".repeat(65) }],
    ["a number as id", { ...order, orderId: 7 }],
    ["no user", { ...order, userId: null }],
    ["no items", { ...order, items: [] }],
    ["too many items", { ...order, items: Array.from({ length: 101 }, () => item) }],
    ["a quantity of nothing", { ...order, items: [{ ...item, quantity: 0 }] }],
    ["a quantity in words", { ...order, items: [{ ...item, quantity: "2" }] }],
    ["an endless quantity", { ...order, items: [{ ...item, quantity: 1e9 }] }],
    ["a negative price", { ...order, items: [{ ...item, price: -1 }] }],
    ["no price", { ...order, items: [{ sku: "ant", quantity: 1 }] }]
  ]
  story(
    "is 400 for whatever is no order, and nothing is written",
    Effect.gen(function* () {
      const { appended, send } = yield* given
      for (const [what, body] of bad) {
        const refused = yield* send("POST", "/checkouts", body)
        assert.deepStrictEqual([refused.status, tag(refused)], [400, "InvalidRequest"], what)
      }
      const foreign = yield* send("POST", "/checkouts?channel=theirs", order)
      assert.deepStrictEqual([foreign.status, tag(foreign)], [403, "UnknownChannel"])
      const form = yield* send("POST", "/checkouts", "orderId=o", "application/x-www-form-urlencoded")
      assert.deepStrictEqual([form.status, tag(form)], [415, "UnsupportedMediaType"])
      assert.deepStrictEqual(appended, [])
    })
  )

  story(
    "is 503 while the broker is away",
    Effect.gen(function* () {
      const { goAway, send } = yield* given
      goAway()
      assert.strictEqual((yield* send("POST", "/checkouts", order)).status, 503)
    })
  )
})

describe("GET /orders/{orderId}", () => {
  story(
    "is the newest status of the order, 404 where there is none",
    Effect.gen(function* () {
      const { get } = yield* given
      yield* filledOrders(["o", pending], ["a/b ü", pending], ["o", confirmed])
      yield* filledOrders(["p", pending])
      assert.deepStrictEqual(JSON.parse((yield* get("/orders/o")).body), { orderId: "o", ...confirmed })
      assert.deepStrictEqual(JSON.parse((yield* get("/orders/a%2Fb%20%C3%BC")).body), { orderId: "a/b ü", ...pending })
      const unknown = yield* get("/orders/unknown")
      assert.deepStrictEqual([unknown.status, tag(unknown)], [404, "UnknownOrder"])
    })
  )
})

describe("PUT and GET /inventory/{sku}", () => {
  story(
    "set the stock, and tell what is available and what is reserved; 404 where it was never set",
    Effect.gen(function* () {
      const { appended, get, send } = yield* given
      const put = yield* send("PUT", "/inventory/ant", { quantity: 5 })
      assert.deepStrictEqual([put.status, JSON.parse(put.body)], [202, { sku: "ant", quantity: 5 }])
      assert.deepStrictEqual(appended, [["stock", "ant", { _tag: "Set", quantity: 5 }]])
      assert.strictEqual((yield* get("/inventory/ant")).status, 404)
      yield* filledStock(["ant", { _tag: "Set", quantity: 5 }], ["bee", { _tag: "Release", orderId: "o" }])
      yield* filledStock(
        ["ant", { _tag: "Reserve", orderId: "o", quantity: 2 }],
        ["ant", { _tag: "Reserve", orderId: "o", quantity: 2 }]
      )
      assert.deepStrictEqual(JSON.parse((yield* get("/inventory/ant")).body), { sku: "ant", quantity: 3, reserved: 2 })
      assert.strictEqual((yield* get("/inventory/bee")).status, 404)
    })
  )

  story(
    "refuse what is no quantity and no SKU, and write nothing",
    Effect.gen(function* () {
      const { appended, send } = yield* given
      for (const quantity of [-1, 0.5, 1e10, "5", null, undefined]) {
        assert.strictEqual((yield* send("PUT", "/inventory/ant", { quantity })).status, 400, String(quantity))
      }
      for (const sku of ["x".repeat(65), "a%00b"]) {
        const refused = yield* send("PUT", `/inventory/${sku}?sku=ant`, { quantity: 1 })
        assert.deepStrictEqual([refused.status, tag(refused)], [400, "InvalidRequest"], sku)
      }
      assert.deepStrictEqual(appended, [])
    })
  )
})
