import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { admit } from "../../src/runtime/admission.ts"
import { complete } from "../../src/runtime/completion.ts"
import { nextTask } from "../../src/runtime/task.ts"
import { Window } from "../../src/runtime/window.ts"
import type { Slot } from "../../src/runtime/window.ts"
import { batchOf, fiber, outcomeOf, partitionOf, record } from "./world.ts"

const below = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))
const Step = Schema.Struct({ kind: Schema.Literals(["admit", "finish", "settle"]), n: below(20) })

describe("a window", () => {
  it.prop(
    "settles a contiguous prefix of what is done, within its limits, and keeps count",
    [Schema.Array(Step)],
    ([steps]) => {
      const window = new Window<Slot>()
      let slots: Array<Slot> = []
      let next = 0
      for (const { kind, n } of steps) {
        if (kind === "admit") {
          // Offsets have gaps: markers, aborted records, compaction.
          const offset = next + (n % 3)
          next = offset + 1 + (n % 2)
          const slot = { offset, next, bytes: n, weight: 0, done: false }
          slots.push(slot)
          window.admit(slot)
        } else if (kind === "finish") {
          const slot = slots[n % Math.max(1, slots.length)]
          if (slot !== undefined) window.finish(slot, n)
        } else {
          const end = window.prefix(1 + n, 30)
          const taken = end === undefined ? [] : slots.filter((slot) => slot.next <= end)
          assert.isTrue(taken.every(({ done }) => done))
          assert.isAtMost(taken.length, 1 + n)
          const weight = taken.reduce((sum, slot) => sum + slot.weight, 0)
          assert.isTrue(taken.length <= 1 || weight <= 30)
          assert.strictEqual(taken.length > 0, slots[0]?.done === true, "it settles whenever it can")
          if (end !== undefined) window.settle(end)
          slots = slots.slice(taken.length)
        }
        assert.strictEqual(window.size, slots.length)
        assert.strictEqual(
          window.bytes,
          slots.reduce((sum, { bytes }) => sum + bytes, 0)
        )
        assert.strictEqual(window.done, slots.filter(({ done }) => done).length)
        assert.strictEqual(
          window.holder(),
          slots.find(({ done }) => !done)
        )
      }
    }
  )
})

describe("a settle set", () => {
  const Turn = Schema.Struct({ key: below(3), retry: below(5) })

  it.prop(
    "never holds a key's later turn without the earlier ones, nor a message behind one it leaves out",
    [Schema.Array(Turn), below(30), below(1_000_000)],
    ([turns, limit, seed]) => {
      const partition = partitionOf()
      if (turns.length === 0) return
      admit(partition, batchOf(turns.map(({ key }, offset) => record(offset, `key-${key}`))), 0)
      // Keys finish in an order that the seed decides; some attempts fail and park.
      for (let n = 0, left = seed; n < turns.length; n++, left = (left * 31 + 7) % 1_000_003) {
        const cells = [...partition.cells.values()]
        const cell = cells[left % cells.length]!
        const task = nextTask(partition, cell, 1e9)
        if (task === undefined) continue
        partition.started(cell, { task, since: 0, fiber })
        partition.stopped(cell)
        const retries = turns[n]!.retry === 0
        complete(
          partition,
          cell,
          task,
          outcomeOf(cell, retries ? { _tag: "Retry", cause: "c", delay: 1 } : { _tag: "Settled" }),
          0
        )
      }
      const bound = 1 + (limit % 4)
      const few = partition.settleSet(bound, 1e6, bound)
      const sets = [partition.settleSet(1 + limit, 1e6) ?? [], few ?? []].flat()
      assert.isTrue(sets.length !== 1, "a few can be settled whenever any can")
      if (few !== undefined) assert.isAtMost(few.included.length, bound)
      for (const { included, position, rest } of sets) {
        for (const { cell, offset } of included) {
          assert.isTrue(offset < position.next)
          const later = rest.find((turn) => turn.cell === cell && turn.offset >= 0 && turn.offset < offset)
          assert.isUndefined(later, "an earlier turn of the key is left out")
        }
        const consumed = [...included, ...rest].filter(({ offset }) => offset >= 0 && offset < position.next)
        for (const turn of consumed) assert.include(included, turn, "what is committed past is written")
        for (const offset of Array(position.next).keys())
          assert.isTrue(
            consumed.some((turn) => turn.offset === offset),
            `offset ${offset} is accounted for`
          )
      }
    }
  )
})
