import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { ended, next, type Order, orderStatus, overdue } from "../../../actors/orders/order.ts"
import { type CheckoutMessage, checkouts, invoiceRequests, orders, stock } from "../../../actors/orders/topics.ts"

const place: CheckoutMessage = {
  _tag: "Place",
  userId: "ada",
  items: [
    { sku: "ant", quantity: 1, price: 100 },
    { sku: "bee", quantity: 2, price: 50 }
  ]
}
const answer = (sku: string, outcome: "reserved" | "short"): CheckoutMessage => ({ _tag: "StockDecided", sku, outcome })
const delivered = (outcome: "scheduled" | "cancelled"): CheckoutMessage => ({ _tag: "DeliveryDecided", outcome })
const invoiced = (number: number): CheckoutMessage => ({ _tag: "Invoiced", number })

const after = (...messages: ReadonlyArray<CheckoutMessage>): Order =>
  [place, ...messages].reduce<Order | null>(next, null)!
const consents = [answer("ant", "reserved"), answer("bee", "reserved"), delivered("scheduled")]

describe("the fold of an order", () => {
  it("confirms when the last of the consents has come, whichever it is, and not before", () => {
    for (const last of consents) {
      const others = consents.filter((it) => it !== last)
      assert.strictEqual(after(...others).state, "pending")
      assert.strictEqual(after(...others, last).state, "confirmed")
    }
  })

  it("rejects at the first refusal, and ends when the delivery is cancelled", () => {
    const short = after(answer("bee", "short"))
    assert.deepInclude(orderStatus(short), { state: "rejected", inventory: "short", delivery: "pending" })
    assert.isFalse(ended(short))
    assert.isTrue(ended(next(short, delivered("cancelled"))!))
    assert.isTrue(ended(after(delivered("cancelled"))))
  })

  it("is the same object after whatever comes too late or again", () => {
    const confirmed = after(...consents, invoiced(7))
    const rejected = after(answer("bee", "short"), delivered("cancelled"))
    const timedOut = overdue(after(answer("ant", "reserved")))
    const uninvoiced = after(...consents)
    const late = [place, answer("ant", "short"), answer("cat", "reserved"), delivered("cancelled"), ...consents]
    for (const order of [confirmed, rejected, timedOut]) {
      for (const message of [...late, invoiced(8)]) assert.strictEqual(next(order, message), order)
    }
    for (const message of late) assert.strictEqual(next(uninvoiced, message), uninvoiced)
  })

  it("takes a number only when it is confirmed", () => {
    const pending = after()
    assert.strictEqual(next(pending, invoiced(1)), pending)
    assert.deepStrictEqual(next(after(...consents), invoiced(1))!.invoice, { number: 1 })
  })

  it("is nothing before it is placed", () => {
    for (const message of [...consents, invoiced(1)]) assert.isNull(next(null, message))
  })

  it("has no time limit any more when it is confirmed", () => {
    const confirmed = after(...consents)
    assert.strictEqual(overdue(confirmed), confirmed)
  })
})

describe("what other programs may write", () => {
  const bytes = (value: unknown) => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value))
  const item = { sku: "ant", quantity: 1, price: 1 }
  const refused: ReadonlyArray<readonly [string, unknown]> = [
    ["no JSON", "{"],
    ["no command we know", { _tag: "Refund" }],
    ["no items", { ...place, items: [] }],
    ["too many items", { ...place, items: Array.from({ length: 101 }, () => item) }],
    ["no pieces", { ...place, items: [{ ...item, quantity: 0 }] }],
    ["a negative quantity", { ...place, items: [{ ...item, quantity: -1 }] }],
    ["half a piece", { ...place, items: [{ ...item, quantity: 0.5 }] }],
    ["too many pieces", { ...place, items: [{ ...item, quantity: 10_001 }] }],
    ["a negative price", { ...place, items: [{ ...item, price: -1 }] }],
    ["a price beyond exact arithmetic", { ...place, items: [{ ...item, price: 1e15 }] }],
    ["an endless SKU", { ...place, items: [{ ...item, sku: "x".repeat(65) }] }],
    ["an empty SKU", { ...place, items: [{ ...item, sku: "" }] }],
    ["a SKU of control characters", { ...place, items: [{ ...item, sku: "a\u0000" }] }],
    ["half a surrogate pair", { ...place, items: [{ ...item, sku: "\ud800" }] }],
    ["a list", [place]],
    ["null", null]
  ]
  it.each(refused)("is no order: %s", (_, value) => {
    assert.isTrue(Result.isFailure(checkouts.codec.decodeValue(bytes(value))))
  })

  it("is an order, with names that objects have by birth too", () => {
    const named = { ...place, items: [{ ...item, sku: "__proto__" }] }
    const read = Result.getOrThrow(checkouts.codec.decodeValue(bytes(named)))
    const order = [read, answer("__proto__", "reserved"), delivered("scheduled")].reduce<Order | null>(next, null)!
    assert.strictEqual(order.state, "confirmed")
  })

  it("has a key within limits, and the one key where numbers are counted", () => {
    const long = bytes("k".repeat(65))
    for (const { codec } of [checkouts, orders, stock]) {
      assert.isTrue(Result.isFailure(codec.decodeKey(long)))
      assert.isTrue(Result.isSuccess(codec.decodeKey(bytes("k"))))
    }
    assert.isTrue(Result.isFailure(invoiceRequests.codec.decodeKey(bytes("other"))))
    assert.isTrue(Result.isSuccess(invoiceRequests.codec.decodeKey(bytes("invoices"))))
  })
})
