import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { DueHeap } from "../../src/store/heap.ts"

const below = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))
const Step = Schema.Struct({ kind: Schema.Literals(["push", "push", "pop", "retain"]), at: below(50) })

describe("the heap of due times", () => {
  it.prop("is a sorted list, whatever is pushed, popped and thrown out", [Schema.Array(Step)], ([steps]) => {
    const heap = new DueHeap<{ readonly due: number }>()
    let model: Array<number> = []
    for (const { at, kind } of steps) {
      if (kind === "push") {
        heap.push({ due: at })
        model.push(at)
        model.sort((a, b) => a - b)
      } else if (kind === "pop") {
        const expected = model[0] !== undefined && model[0] <= at ? model.shift() : undefined
        assert.strictEqual(heap.popDue(at)?.due, expected)
      } else {
        heap.retain(({ due }) => due % 3 !== at % 3)
        model = model.filter((due) => due % 3 !== at % 3)
      }
      assert.strictEqual(heap.size, model.length)
      assert.strictEqual(heap.peek()?.due, model[0])
    }
  })
})
