import { assert, describe, it } from "@effect/vitest"
import { passive } from "../../src/runtime/cell.ts"
import { complete } from "../../src/runtime/completion.ts"
import { nextTask } from "../../src/runtime/task.ts"
import { admit } from "../../src/runtime/admission.ts"
import type { Partition } from "../../src/runtime/partition.ts"
import { batchOf, fiber, outcomeOf, partitionOf, record } from "./world.ts"

/** Handles one message of the key to its end: its state is then `json`, and nothing of it is left to settle. */
const handle = (partition: Partition, key: string, state: unknown) => {
  admit(partition, batchOf([record(partition.readOffset, key)]), 0)
  const cell = partition.cells.get(key)!
  const task = nextTask(partition, cell, 0)!
  partition.started(cell, { task, since: 0, fiber })
  partition.stopped(cell)
  complete(partition, cell, task, { ...outcomeOf(cell, { _tag: "Settled" }), state, json: JSON.stringify(state) }, 0)
  partition.settled(partition.settleSet(10, 1e6)!)
}
const decoded = ({ cells }: Partition) => [...cells.values()].filter(({ state }) => state !== passive)

describe("the states of idle keys", () => {
  it("stay decoded for the keys settled last, and for no more than two generations of them", () => {
    const partition = partitionOf()
    for (let n = 1; n <= 10_000; n++) {
      handle(partition, `key-${n}`, n)
      assert.isAtMost(decoded(partition).length, 2_048)
      // Looking at all of them each time would be slow.
      if (n > 3_000) n += 9
    }
    const last = [...partition.cells.values()].slice(-1_000)
    assert.isTrue(last.every(({ state }) => state !== passive))
    assert.isAtLeast(partition.cells.size, 3_000)
  })

  it("are freed by their size, too: a thousand large ones are not kept", () => {
    const partition = partitionOf()
    for (let n = 1; n <= 1_000; n++) handle(partition, `key-${n}`, `${n}`.padEnd(100_000, "x"))
    assert.isAtMost(decoded(partition).length, 22)
  })

  it("of a key that comes back again and again is never freed", () => {
    const partition = partitionOf()
    for (let n = 1; n <= 5_000; n++) {
      handle(partition, `key-${n}`, n)
      if (n % 500 === 0) handle(partition, "often", { n })
      if (n >= 500) assert.notStrictEqual(partition.cells.get("often")!.state, passive)
    }
  })
})
