import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import type { OrderStatus } from "../../actors/orders/topics.ts"
import { demand } from "../actors/orders/model.ts"
import { randomOrders, skus } from "../actors/orders/random-orders.ts"
import { random } from "../actors/import/random.ts"
import { directory, eventually, following, getJson, start } from "./program.ts"

const send = (method: string, url: string, body: unknown) =>
  Effect.promise(async () => {
    const headers = { "content-type": "application/json" }
    return (await fetch(url, { method, headers, body: JSON.stringify(body) })).status
  })

type Answer = OrderStatus & { readonly error?: string }
const isOver = ({ delivery, invoice, state }: Answer) =>
  state === "confirmed" ? invoice !== null : state === "rejected" && delivery === "cancelled"

describe("orders", () => {
  it.live(
    "all end, nothing is oversold and invoices have no gaps, whenever the process is killed; a channel hears each change once",
    () =>
      Effect.gen(function* () {
        const data = yield* directory
        let running = yield* start(data)
        const { port, url } = running
        const client = yield* following(url)
        const stock = 40
        for (const sku of skus)
          assert.strictEqual(yield* send("PUT", `${url}/inventory/${sku}`, { quantity: stock }), 202)
        const placed = randomOrders(random(1), 60)
        const place = Effect.fnUntraced(function* (orderId: string) {
          const order = { orderId, userId: "ada", items: placed.get(orderId) }
          assert.strictEqual(yield* send("POST", `${url}/checkouts?channel=${client.channel.id}`, order), 202)
        })
        for (const [n, orderId] of [...placed.keys()].entries()) {
          yield* place(orderId)
          if (n % 15 !== 14) continue
          yield* running.kill("SIGKILL")
          yield* running.ended
          running = yield* start(data, port)
          yield* place(orderId) // whoever lost an answer asks again
        }
        const ended = new Map<string, Answer>()
        for (const orderId of placed.keys()) {
          ended.set(orderId, yield* eventually(getJson<Answer>(`${url}/orders/${orderId}`), isOver))
        }
        const confirmed = [...ended].filter(([, { state }]) => state === "confirmed")
        assert.isAbove(confirmed.length, 10)
        assert.isBelow(confirmed.length, placed.size)
        const numbers = confirmed.map(([, { invoice }]) => invoice!.number).toSorted((a, b) => a - b)
        assert.deepStrictEqual(
          numbers,
          numbers.map((_, i) => i + 1)
        )
        const kept = demand(confirmed.map(([orderId]) => placed.get(orderId)!))
        for (const sku of skus) {
          const reserved = kept.get(sku) ?? 0
          const expected = { sku, quantity: stock - reserved, reserved }
          const isThere = (level: object) => JSON.stringify(level) === JSON.stringify(expected)
          yield* eventually(getJson<object>(`${url}/inventory/${sku}`), isThere)
        }
        const told = new Map<string, Array<unknown>>()
        for (let events = 0; events < 2 * placed.size; events++) {
          const { value } = yield* Effect.promise(() => client.statuses().next())
          if (value?.type !== "status") throw new Error(`not a status: ${JSON.stringify(value)}`)
          const { orderId, state } = value.event as unknown as { readonly orderId: string; readonly state: string }
          told.set(orderId, [...(told.get(orderId) ?? []), state])
        }
        for (const [orderId, { state }] of ended) assert.deepStrictEqual(told.get(orderId), ["pending", state], orderId)
      }).pipe(Effect.provide(NodeServices.layer)),
    60_000
  )
})
