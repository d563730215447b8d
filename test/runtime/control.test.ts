import { assert, describe, it } from "@effect/vitest"
import type { KafkaRecord } from "../../src/kafka/records.ts"
import type { Cell } from "../../src/runtime/cell.ts"
import { complete, setTimer } from "../../src/runtime/completion.ts"
import { commandHeaders, encodeCommand } from "../../src/runtime/control.ts"
import type { KeyCommand } from "../../src/runtime/control.ts"
import { admit as take } from "../../src/runtime/admission.ts"
import type { Partition } from "../../src/runtime/partition.ts"
import { restoreRecord } from "../../src/runtime/restore.ts"
import { transaction } from "../../src/runtime/settle.ts"
import { nextTask } from "../../src/runtime/task.ts"
import { batchOf, fiber, handled, outcomeOf, partitionOf, record } from "./world.ts"

const utf8 = new TextEncoder()
const message = (offset: number): KafkaRecord => ({ ...record(offset, "a"), value: utf8.encode("1") })
const command = (offset: number, op: KeyCommand["op"], actor = "sum"): KafkaRecord => ({
  ...message(offset),
  headers: commandHeaders(actor),
  value: encodeCommand({ op })
})
const admit = (partition: Partition, record: KafkaRecord) => take(partition, batchOf([record]), 0)

/** Runs the key's next task to the ending; whether there was one. */
const run = (partition: Partition, cell: Cell, ending: "Settled" | "Hold", now = 0): boolean => {
  const task = nextTask(partition, cell, now)
  if (task === undefined) return false
  partition.started(cell, { task, since: now, fiber })
  partition.stopped(cell)
  complete(
    partition,
    cell,
    task,
    outcomeOf(cell, ending === "Settled" ? { _tag: "Settled" } : { _tag: "Hold", cause: "Declined" }),
    now
  )
  return true
}

const settled = (partition: Partition) => {
  const set = partition.settleSet(1_000, 1e6)!
  partition.settled(set)
  return transaction({ group: "g", memberId: "m", generation: 1 }, "sum.state", [set], 0)
}

/** The partition as who takes it over finds it. */
const restored = (
  records: ReadonlyArray<Pick<KafkaRecord, "key" | "value" | "headers" | "timestamp">>,
  next: number
) => {
  const partition = partitionOf()
  partition.phase = "restoring"
  records.forEach((record, offset) => restoreRecord(partition, { ...record, offset }))
  partition.activate(next, "id")
  return partition
}

/** A key whose timer waits for an operator, as the changelog has it. */
const holdingTimer = () => {
  const partition = partitionOf()
  const cell = partition.cell("a")
  const timer = setTimer(partition, cell, "due", { due: 5, when: { at: 5 }, attempt: 0 })
  partition.finish({ cell, offset: -1, outputs: [], entries: [timer] })
  const records = [...settled(partition).records]
  cell.ring("due")
  run(partition, cell, "Hold", 5)
  return [...records, ...settled(partition).records]
}

/** Whether the key's timer runs when it rings. */
const rings = (partition: Partition): boolean => {
  const cell = partition.cell("a")
  cell.ring("due")
  return nextTask(partition, cell, 5) !== undefined
}

describe("an operator's command", () => {
  it("pauses a key until it is resumed, also over a restart, while the commit moves on", () => {
    const partition = partitionOf()
    admit(partition, command(0, "pause"))
    admit(partition, message(1))
    const cell = partition.cells.get("a")!
    assert.isFalse(run(partition, cell, "Settled"))
    const { offsets, records } = settled(partition)
    assert.strictEqual(offsets!.committed[0]!.offset, 2)

    const next = restored(records, 2)
    const again = next.cells.get("a")!
    assert.isFalse(run(next, again, "Settled"))
    admit(next, command(2, "resume"))
    assert.isTrue(run(next, again, "Settled"))
    settled(next)
    assert.isFalse(next.cells.has("a"), "nothing of the key is left")
  })

  it("tries a held message again, in its place", () => {
    const partition = partitionOf()
    admit(partition, message(0))
    admit(partition, message(1))
    const cell = partition.cells.get("a")!
    run(partition, cell, "Hold")
    assert.isFalse(run(partition, cell, "Settled", 1e12))
    admit(partition, command(2, "resume"))
    assert.strictEqual(cell.parked[0]!.offset, 0)
    assert.isTrue(run(partition, cell, "Settled"))
    assert.isTrue(run(partition, cell, "Settled"))
    assert.strictEqual(settled(partition).offsets!.committed[0]!.offset, 3)
  })

  it("skips a held message into the dead letters, and goes on with the next, also over a restart", () => {
    const partition = partitionOf()
    admit(partition, message(0))
    admit(partition, message(1))
    const cell = partition.cells.get("a")!
    run(partition, cell, "Hold")
    const before = settled(partition).records
    admit(partition, command(2, "skip"))
    assert.strictEqual(cell.parked[0]!.offset, 1)
    const { records } = settled(partition)
    assert.deepStrictEqual(
      records.flatMap(({ topic, value }) => (topic === "sum.dead-letters" ? new TextDecoder().decode(value!) : [])),
      ["1"]
    )
    const next = restored([...before, ...records.filter(({ topic }) => topic === "sum.state")], 3)
    for (const each of [partition, next]) {
      assert.isTrue(run(each, each.cells.get("a")!, "Settled"))
      assert.isTrue(each.cells.get("a")!.free)
    }
  })

  it("keeps the order of a key that is paused while its message runs, fails and is retried", () => {
    const partition = partitionOf()
    for (const offset of [0, 1, 2]) admit(partition, message(offset))
    const cell = partition.cells.get("a")!
    const task = nextTask(partition, cell, 0)!
    partition.started(cell, { task, since: 0, fiber })
    admit(partition, command(3, "pause"))
    partition.stopped(cell)
    complete(partition, cell, task, outcomeOf(cell, { _tag: "Retry", cause: "Unavailable", delay: 10 }), 0)
    assert.deepStrictEqual(
      cell.parked.map(({ offset }) => offset),
      [0, 1, 2]
    )
  })

  it("tries a held timer again, also after a restart that comes before the try", () => {
    const held = holdingTimer()
    assert.isFalse(rings(restored(held, 0)))
    const partition = restored(held, 0)
    admit(partition, command(0, "resume"))
    assert.isTrue(rings(restored([...held, ...settled(partition).records], 1)))
  })

  it("skips a held timer into the dead letters, for good", () => {
    const held = holdingTimer()
    const partition = restored(held, 0)
    admit(partition, command(0, "skip"))
    const { records } = settled(partition)
    assert.strictEqual(records.filter(({ topic }) => topic === "sum.dead-letters").length, 1)
    const changes = records.filter(({ topic }) => topic === "sum.state")
    assert.isUndefined(
      restored([...held, ...changes], 2)
        .cells.get("a")
        ?.timers?.get("due")
    )
  })

  it("skips the first message of a paused key into the dead letters, and leaves the key paused", () => {
    const partition = partitionOf()
    admit(partition, message(0))
    admit(partition, command(1, "pause"))
    admit(partition, message(2))
    admit(partition, command(3, "skip"))
    const cell = partition.cells.get("a")!
    assert.deepStrictEqual(
      cell.parked.map(({ offset }) => offset),
      [2]
    )
    const { records } = settled(partition)
    const letters = records.filter(({ topic }) => topic === "sum.dead-letters")
    assert.deepStrictEqual(
      letters.map(({ value }) => new TextDecoder().decode(value!)),
      ["1"]
    )
    const changes = records.filter(({ topic }) => topic === "sum.state")
    const next = restored(changes, 4)
    assert.isFalse(run(next, next.cells.get("a")!, "Settled"), "it is paused as before")
    admit(partition, command(4, "resume"))
    assert.isTrue(run(partition, cell, "Settled"))
    assert.isFalse(run(partition, cell, "Settled"))
  })

  it("skips nothing where nothing waits", () => {
    const partition = partitionOf()
    admit(partition, message(0))
    admit(partition, command(1, "skip"))
    const cell = partition.cells.get("a")!
    assert.isTrue(run(partition, cell, "Settled"))
    assert.isFalse(settled(partition).records.some(({ topic }) => topic === "sum.dead-letters"))
  })

  it("skips no message whose time-out is still to be told: the one behind it would be lost instead", () => {
    const partition = partitionOf()
    for (const offset of [0, 1]) admit(partition, message(offset))
    const cell = partition.cells.get("a")!
    const retry = { _tag: "Retry", cause: "Unavailable", delay: 10 } as const
    handled(partition, cell, nextTask(partition, cell, 0)!, retry)
    const task = nextTask(partition, cell, 10)!
    partition.started(cell, { task, since: 10, fiber })
    cell.timedOut = task
    partition.stopped(cell)
    admit(partition, command(2, "skip"))
    assert.strictEqual(nextTask(partition, cell, 10), task)
    cell.timedOut = undefined
    handled(partition, cell, task, { _tag: "DeadLetter", cause: "TimedOut" }, 10)
    assert.deepStrictEqual(
      cell.parked.map(({ offset }) => offset),
      [1]
    )
    assert.strictEqual(settled(partition).records.filter(({ topic }) => topic === "sum.dead-letters").length, 1)
  })

  it("skips a held message while a timer of its key runs", () => {
    const partition = partitionOf()
    admit(partition, message(0))
    const cell = partition.cells.get("a")!
    run(partition, cell, "Hold")
    settled(partition)
    setTimer(partition, cell, "due", { due: 5, when: { at: 5 }, attempt: 0 })
    cell.ring("due")
    const task = nextTask(partition, cell, 5)!
    partition.started(cell, { task, since: 5, fiber })
    admit(partition, command(1, "skip"))
    partition.stopped(cell)
    complete(partition, cell, task, outcomeOf(cell, { _tag: "Settled" }), 6)
    assert.isTrue(cell.free)
    assert.strictEqual(settled(partition).records.filter(({ topic }) => topic === "sum.dead-letters").length, 1)
  })

  it("passes over what is another actor's or cannot be read", () => {
    const partition = partitionOf()
    admit(partition, command(0, "pause", "other"))
    admit(partition, { ...command(1, "pause"), value: utf8.encode("{") })
    admit(partition, { ...command(2, "pause"), value: null })
    const { offsets, records } = settled(partition)
    assert.strictEqual(offsets!.committed[0]!.offset, 3)
    assert.strictEqual(records.length, 1, "only the position")
  })
})
