import { assert, describe, it } from "@effect/vitest"
import { admit } from "../../src/runtime/admission.ts"
import { setTimer } from "../../src/runtime/completion.ts"
import { obey } from "../../src/runtime/control.ts"
import { partitionStatus } from "../../src/runtime/health.ts"
import type { Circumstances } from "../../src/runtime/health.ts"
import { parkHolders } from "../../src/runtime/parking.ts"
import type { Partition } from "../../src/runtime/partition.ts"
import { nextTask } from "../../src/runtime/task.ts"
import { batchOf, fiber, handled, partitionOf, record } from "./world.ts"

const calm = { stuckAfter: 30_000, settling: undefined, gatedSince: undefined, undecided: undefined }
const heldAt = (partition: Partition, now: number, others: Partial<Circumstances> = {}) =>
  partitionStatus(partition, { ...calm, ...others, now }).held

describe("what holds a partition", () => {
  it("is nothing while there is nothing to do, however long", () => {
    assert.isNull(heldAt(partitionOf(), 1e9))
  })

  it("is the key whose message waits for a worker, once nothing has settled for the limit", () => {
    const partition = partitionOf()
    admit(partition, batchOf([record(0, "a")]), 5_000)
    assert.isNull(heldAt(partition, 34_999))
    assert.deepStrictEqual(heldAt(partition, 35_000), {
      key: "a",
      by: "worker",
      since: "1970-01-01T00:00:05.000Z",
      cause: "its message waits for a worker"
    })
  })

  it("is the key whose handler runs, also when its message is parked and the rest goes on", () => {
    const partition = partitionOf()
    admit(partition, batchOf([record(0, "a")]), 0)
    const cell = partition.cells.get("a")!
    partition.started(cell, { task: nextTask(partition, cell, 0)!, since: 0, fiber })
    parkHolders(partition, 1_000)
    partition.settled(partition.settleSet(10, 1e6)!)
    partition.progressAt = 29_000
    assert.isNull(heldAt(partition, 29_999))
    assert.deepInclude(heldAt(partition, 30_000), { key: "a", cause: "its handler is running" })
  })

  it("is told also where a producer's clock told no date", () => {
    const partition = partitionOf()
    admit(partition, batchOf([{ ...record(0, "a"), timestamp: 9e15 }]), 0)
    const cell = partition.cells.get("a")!
    handled(partition, cell, nextTask(partition, cell, 0)!, { _tag: "Hold", cause: "Declined" })
    const { held, oldestParked } = partitionStatus(partition, { ...calm, now: 1_000 })
    assert.deepStrictEqual([held?.cause, oldestParked], ["Declined", "1970-01-01T00:00:01.000Z"])
  })

  it("is the transaction that stays open, before the messages behind it", () => {
    const partition = partitionOf()
    admit(partition, batchOf([record(0, "a")]), 0)
    const settling = { id: "app.sum.main.0", since: 1_000, cause: "open" }
    assert.deepInclude(heldAt(partition, 31_000, { settling }), { key: "app.sum.main.0", cause: "open" })
  })

  it("is the group while it is rebalancing, and the broker while there is more to read than it gives", () => {
    const partition = partitionOf()
    admit(partition, batchOf([record(0, "a")], 9), 0)
    assert.deepInclude(heldAt(partition, 30_000, { gatedSince: 0 }), { key: "group" })
    const cell = partition.cells.get("a")!
    const task = nextTask(partition, cell, 0)!
    handled(partition, cell, task, { _tag: "Settled" })
    partition.settled(partition.settleSet(10, 1e6)!)
    assert.deepInclude(heldAt(partition, 30_000), { key: "numbers", cause: "waiting for the broker" })
  })

  it("is a key held for an operator, at once", () => {
    const partition = partitionOf()
    admit(partition, batchOf([record(0, "a")]), 0)
    const cell = partition.cells.get("a")!
    const task = nextTask(partition, cell, 0)!
    handled(partition, cell, task, { _tag: "Hold", cause: "Declined" }, 7)
    partition.settled(partition.settleSet(10, 1e6)!)
    assert.deepStrictEqual(heldAt(partition, 8), {
      key: "a",
      since: "1970-01-01T00:00:00.007Z",
      cause: "Declined"
    })
  })

  it("is the handler that hangs, also where another key has waited longer for an operator, which is told beside it", () => {
    const partition = partitionOf()
    admit(partition, batchOf([record(0, "a"), record(1, "b")]), 0)
    const [a, b] = [partition.cells.get("a")!, partition.cells.get("b")!]
    handled(partition, a, nextTask(partition, a, 0)!, { _tag: "Hold", cause: "Declined" }, 7)
    partition.started(b, { task: nextTask(partition, b, 0)!, since: 8, fiber })
    parkHolders(partition, 1_000)
    partition.settled(partition.settleSet(10, 1e6)!)
    partition.progressAt = 39_000
    const { held, stuck } = partitionStatus(partition, { ...calm, now: 40_000 })
    assert.deepInclude(held, { key: "b", by: "handler" })
    assert.deepStrictEqual(
      stuck?.keys.map(({ key }) => key),
      ["a"]
    )
  })

  it("is a key whose timer is held for an operator, also after a restore, until it is tried again", () => {
    const partition = partitionOf()
    const cell = partition.cell("a")
    const timer = { due: 5, when: { at: 5 }, attempt: 0 }
    setTimer(partition, cell, "renew", timer)
    const task = { _tag: "Timer", name: "renew", timer, attempt: 1 } as const
    handled(partition, cell, task, { _tag: "Hold", cause: "Declined" }, 7)
    partition.settled(partition.settleSet(10, 1e6)!)
    const told = { key: "a", since: "1970-01-01T00:00:00.007Z", cause: "timer renew: Declined" }
    assert.deepStrictEqual(heldAt(partition, 8), told)
    partition.waiting.clear()
    partition.activate(0, "id")
    assert.deepStrictEqual(heldAt(partition, 8), told)
    const message = { ...batchOf([record(0, "a")]).records[0]!, cell, bytes: 0, weight: 0, done: true, next: 1 }
    obey(partition, message, { op: "resume" }, 9, new Map())
    assert.isNull(heldAt(partition, 10))
  })
})

describe("what a partition has settled", () => {
  it("is counted in turns, also that of a timer, and not in what a transaction adds to the log", () => {
    const partition = partitionOf()
    const turns = () => partitionStatus(partition, { ...calm, now: 0 }).turns
    assert.strictEqual(turns(), 0)
    // Three messages, and markers up to offset 9.
    admit(partition, batchOf([record(0, "a"), record(2, "b"), record(4, "c")], 9), 0)
    for (const cell of partition.cells.values()) {
      const task = nextTask(partition, cell, 0)!
      handled(partition, cell, task, { _tag: "Settled" })
    }
    assert.strictEqual(turns(), 0)
    partition.settled(partition.settleSet(10, 1e6)!)
    assert.strictEqual(turns(), 3)
    const cell = partition.cell("a")
    const timer = { due: 5, when: { at: 5 }, attempt: 0 }
    setTimer(partition, cell, "renew", timer)
    const task = { _tag: "Timer", name: "renew", timer, attempt: 1 } as const
    handled(partition, cell, task, { _tag: "Settled" }, 7)
    partition.settled(partition.settleSet(10, 1e6)!)
    assert.strictEqual(turns(), 4)
  })
})

describe("what waits for an operator", () => {
  const pause = (partition: Partition, key: string, now: number) => {
    const cell = partition.cell(key)
    const message = { ...batchOf([record(0, key)]).records[0]!, cell, bytes: 0, weight: 0, done: true, next: 1 }
    obey(partition, message, { op: "pause" }, now, new Map())
  }

  it("is every paused key, the longest first, though only those with a message hold the partition", () => {
    const partition = partitionOf()
    for (let n = 0; n < 25; n++) pause(partition, `k${n}`, 100 - n)
    const { held, oldestParked, stuck } = partitionStatus(partition, { ...calm, now: 200 })
    assert.isNull(held)
    assert.isUndefined(oldestParked)
    assert.strictEqual(stuck?.count, 25)
    assert.lengthOf(stuck?.keys ?? [], 20)
    assert.deepStrictEqual(stuck?.keys[0], {
      key: "k24",
      since: "1970-01-01T00:00:00.076Z",
      cause: "paused by an operator"
    })
  })

  it("is nothing where nothing is held", () => {
    assert.isUndefined(partitionStatus(partitionOf(), { ...calm, now: 0 }).stuck)
  })
})
