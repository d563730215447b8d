import { assert, describe, it } from "@effect/vitest"
import { type Level, maxClosed, maxOpen, move } from "../../../actors/orders/level.ts"
import type { StockMessage } from "../../../actors/orders/topics.ts"
import { random } from "../import/random.ts"

const set = (quantity: number): StockMessage => ({ _tag: "Set", quantity })
const reserve = (orderId: string, quantity = 1): StockMessage => ({ _tag: "Reserve", orderId, quantity })
const release = (orderId: string): StockMessage => ({ _tag: "Release", orderId })
const keep = (orderId: string): StockMessage => ({ _tag: "Keep", orderId })

const run = (messages: ReadonlyArray<StockMessage>, from: Level | null = null) => {
  const answers: Array<string> = []
  let level = from
  for (const message of messages) {
    const moved = move(level, message)
    level = moved.level
    if (moved.answer !== undefined && "orderId" in message) answers.push(`${message.orderId} ${moved.answer}`)
  }
  return { level: level!, answers }
}

describe("the stock of a SKU", () => {
  it("is reserved to the last piece and not beyond, and is there again after a release", () => {
    const { answers, level } = run([
      set(3),
      reserve("a", 2),
      reserve("b", 2),
      reserve("c"),
      release("a"),
      reserve("d", 2)
    ])
    assert.deepStrictEqual(answers, ["a reserved", "b short", "c reserved", "d reserved"])
    assert.deepInclude(level, { available: 0, reserved: 3 })
  })

  it("is never reserved for an order whose release came first", () => {
    const { answers, level } = run([set(3), release("a"), reserve("a"), reserve("a")])
    assert.deepStrictEqual(answers, ["a short", "a short"])
    assert.deepInclude(level, { available: 3, reserved: 0, open: [] })
  })

  it("is not reserved later for an order that was refused, when there is stock again", () => {
    const { answers, level } = run([set(0), reserve("a"), set(5), reserve("a")])
    assert.deepStrictEqual(answers, ["a short", "a short"])
    assert.deepInclude(level, { available: 5, reserved: 0 })
  })

  it("stays reserved for good once it is kept", () => {
    const { level } = run([set(3), reserve("a", 2), keep("a"), release("a"), keep("a"), reserve("a", 1)])
    assert.deepInclude(level, { available: 1, reserved: 2, open: [] })
  })

  it("can be set anew: what is available changes, what is reserved does not", () => {
    const { level } = run([set(3), reserve("a", 2), set(10), release("a"), set(7), set(7)])
    assert.deepInclude(level, { available: 7, reserved: 0 })
    assert.deepInclude(run([set(3), reserve("a", 2), set(10)]).level, { available: 10, reserved: 2 })
  })

  it("is unknown, and costs nothing, until it is set", () => {
    assert.deepStrictEqual(move(null, reserve("a")), { level: null, answer: "short" })
    assert.deepStrictEqual(move(null, release("a")), { level: null })
    assert.deepStrictEqual(move(null, keep("a")), { level: null })
  })

  it("adds up after any messages, however often and in whatever order they come", () => {
    const kinds = [reserve, release, keep] as const
    for (let seed = 1; seed <= 300; seed++) {
      const next = random(seed)
      const orders = Array.from({ length: 6 }, (_, n) => ({ orderId: `o${n}`, quantity: 1 + next(4) }))
      const messages = Array.from({ length: 60 }, () => {
        const { orderId, quantity } = orders[next(orders.length)]!
        return kinds[next(kinds.length)]!(orderId, quantity)
      })
      const { answers, level } = run([set(10), ...messages])
      assert.strictEqual(level.available + level.reserved, 10, `seed ${seed}`)
      assert.isAtLeast(level.available, 0, `seed ${seed}`)
      const granted = answers.filter((answer) => answer.endsWith("reserved"))
      assert.strictEqual(new Set(granted).size, granted.length, `seed ${seed}: reserved twice`)
    }
  })

  it("has a bounded state that fits a record, at the longest names: more orders at a time are short", () => {
    const name = (n: number) => `${"\u{1F41C}".repeat(60)}${String(n).padStart(4, "0")}`
    const many = Array.from({ length: maxOpen + maxClosed + 10 }, (_, n) => reserve(name(n)))
    const { answers, level } = run([set(1_000_000), ...many])
    assert.strictEqual(answers.filter((answer) => answer.endsWith("reserved")).length, maxOpen)
    assert.deepInclude(level, { available: 1_000_000 - maxOpen, reserved: maxOpen })
    assert.strictEqual(level.closed.length, maxClosed)
    assert.isBelow(Buffer.byteLength(JSON.stringify(level)), 1_048_576)
    assert.strictEqual(run([release(name(0)), reserve("next")], level).answers[0], "next reserved")
  })
})
