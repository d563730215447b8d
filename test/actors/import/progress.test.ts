import { assert, describe, it } from "@effect/vitest"
import { count, importStatus, noProgress } from "../../../actors/import/progress.ts"
import type { importProgress } from "../../../actors/import/topics.ts"
import { random } from "./random.ts"

type Message = (typeof importProgress)["~value"]

const shuffled = <A>(items: ReadonlyArray<A>, next: (n: number) => number): Array<A> => {
  const rest = [...items]
  return items.map(() => rest.splice(next(rest.length), 1)[0]!)
}
const part = (n: number): Message =>
  n % 7 === 3 ? { _tag: "PartFailed", part: n, rows: 10 } : { _tag: "PartCompleted", part: n, imported: 9, rejected: 1 }
const ends = (messages: ReadonlyArray<Message>) => {
  let changes = 0
  const end = messages.reduce((before, message) => {
    const after = count(before, message)
    if (after !== before) changes++
    return after
  }, noProgress)
  return { status: importStatus(end), changes }
}

describe("the count of an import's parts", () => {
  it("is the same in any order and however often each is heard of, and changes once for each", () => {
    for (let seed = 1; seed <= 100; seed++) {
      const next = random(seed)
      const parts = Array.from({ length: 30 }, (_, n) => part(n))
      const messages = [{ _tag: "Split", parts: 30, rows: 300 } as const, ...parts]
      const { changes, status } = ends(shuffled([...messages, ...messages, ...messages], next))
      assert.deepStrictEqual(status, {
        state: "incomplete",
        jobs: { total: 30, completed: 26, failed: 4 },
        rows: { total: 300, imported: 234, rejected: 26, failed: 40 }
      })
      assert.strictEqual(changes, 31, `seed ${seed}`)
    }
  })

  it("is not over before the split is known, whatever has been counted", () => {
    assert.strictEqual(ends([part(0), part(1)]).status.state, "accepted")
    assert.strictEqual(ends([part(0), part(1), { _tag: "Split", parts: 2, rows: 20 }]).status.state, "done")
  })

  it("stays cancelled, and stays done: nothing changes after the end", () => {
    const split: Message = { _tag: "Split", parts: 2, rows: 20 }
    const cancelled: Message = { _tag: "Cancelled" }
    assert.deepInclude(ends([split, part(0), cancelled, part(1)]), { changes: 3 })
    assert.strictEqual(ends([split, part(0), cancelled, part(1)]).status.state, "cancelled")
    assert.strictEqual(ends([split, part(0), part(1), cancelled]).status.state, "done")
  })

  it("has failed only where no part was completed", () => {
    assert.strictEqual(ends([{ _tag: "Split", parts: 2, rows: 20 }, part(3), part(10)]).status.state, "failed")
  })
})
