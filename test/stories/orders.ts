import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { random } from "../actors/import/random.ts"
import { demand } from "../actors/orders/model.ts"
import { becomes, browser, get, named, next, records, told, until, World } from "./world.ts"

type Item = { readonly sku: string; readonly quantity: number; readonly price: number }

const isOver = (order: any): boolean =>
  order !== undefined &&
  (order.state === "confirmed" ? order.invoice !== null : order.state === "rejected" && order.delivery === "cancelled")

const json = (bytes: Uint8Array | null): any => (bytes === null ? null : JSON.parse(Buffer.from(bytes).toString()))

/**
 * Users order more than there is. Whoever gets everything is confirmed, delivered and invoiced; whoever lacks one thing is
 * rejected, and what was set aside for it is for others. Nothing is sold twice, and the invoices of the whole shop are numbered
 * from 1 without a gap.
 */
export const orders = Effect.gen(function* () {
  const { size, trouble } = yield* World
  const dice = random(1)
  const skus = [named("ant"), named("bee"), named("cow")]
  const stock = 12 * size
  for (const sku of skus) yield* told("PUT", `/inventory/${sku}`, { quantity: stock })
  for (const sku of skus) yield* becomes(`/inventory/${sku}`, { sku, quantity: stock, reserved: 0 })

  const placed = new Map<string, ReadonlyArray<Item>>()
  for (let n = 0; n < 20 * size; n++) {
    const some = skus.filter(() => dice(2) === 0)
    const items = (some.length === 0 ? skus : some).map((sku) => ({
      sku,
      quantity: 1 + dice(3),
      price: 100 + dice(900)
    }))
    placed.set(named("order"), items)
  }
  // Nobody sells this: the other half of the order is set aside, and must come free again.
  const half = named("order")
  placed.set(half, [
    { sku: skus[0]!, quantity: 1, price: 5 },
    { sku: named("unicorn"), quantity: 1, price: 5 }
  ])

  const client = yield* browser
  const place = (orderId: string) =>
    told("POST", `/checkouts?channel=${client.channel.id}`, { orderId, userId: "ada", items: placed.get(orderId) })
  const third = Math.floor(placed.size / 3)
  for (const [n, orderId] of [...placed.keys()].entries()) {
    yield* place(orderId)
    if (n % 5 === 0) yield* place(orderId) // a double click
    if (n === third || n === 2 * third) yield* trouble
  }

  // Every order ends, as a whole.
  const ended = new Map<string, any>()
  for (const orderId of placed.keys()) ended.set(orderId, yield* until(get(`/orders/${orderId}`), isOver))
  const confirmed = [...ended].filter(([, { state }]) => state === "confirmed").map(([orderId]) => orderId)
  assert.isAbove(confirmed.length, 0)
  assert.isBelow(confirmed.length, placed.size)
  assert.strictEqual(ended.get(half).state, "rejected")
  for (const [orderId, { delivery, inventory, state }] of ended) {
    const whole = state === "confirmed" ? ["reserved", "scheduled"] : ["short", "cancelled"]
    assert.deepStrictEqual([inventory, delivery], whole, orderId)
  }

  // What was confirmed is reserved, and nothing else is.
  const kept = demand(confirmed.map((orderId) => placed.get(orderId)!))
  for (const sku of skus) {
    const reserved = kept.get(sku) ?? 0
    assert.isAtMost(reserved, stock)
    yield* becomes(`/inventory/${sku}`, { sku, quantity: stock - reserved, reserved })
  }

  // The invoices of the whole shop: 1, 2, 3 …, one for each confirmed order, and it is the one the order names.
  const invoices = (yield* records("invoices")).map(
    ({ key, value }) => [Number(Buffer.from(key!).toString()), json(value)] as const
  )
  const numbers = invoices.map(([number]) => number).toSorted((a, b) => a - b)
  assert.deepStrictEqual(
    numbers,
    numbers.map((_, n) => n + 1)
  )
  const own = invoices.filter(([, { orderId }]) => placed.has(orderId))
  assert.sameMembers(
    own.map(([, { orderId }]) => orderId as string),
    confirmed
  )
  for (const [number, { orderId, total }] of own) {
    assert.strictEqual(ended.get(orderId).invoice.number, number, orderId)
    assert.strictEqual(
      total,
      placed.get(orderId)!.reduce((sum, { price, quantity }) => sum + price * quantity, 0)
    )
  }

  // Each of the three decided once about each order: a reader of committed records sees no decision twice.
  const decisions = (yield* records("checkouts"))
    .map(({ key, value }) => [Buffer.from(key!).toString(), json(value)] as const)
    .filter(([orderId, { _tag }]) => placed.has(orderId) && _tag !== "Place")
    .map(([orderId, decision]) => `${orderId} ${JSON.stringify(decision)}`)
  assert.strictEqual(new Set(decisions).size, decisions.length)

  // The channel told of each order: that it is under way, and how it ended. Once.
  const heard = new Map<string, Array<string>>()
  for (let n = 0; n < 2 * placed.size; n++) {
    const { orderId, state } = yield* next(client)
    heard.set(orderId, [...(heard.get(orderId) ?? []), state])
  }
  for (const [orderId, { state }] of ended) assert.deepStrictEqual(heard.get(orderId), ["pending", state], orderId)
})
