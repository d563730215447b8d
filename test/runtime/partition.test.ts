import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import type { Fiber } from "effect"
import { Actor, Topic } from "../../src/index.ts"
import { partitionFor } from "../../src/kafka/partitioner.ts"
import { noHeaders } from "../../src/kafka/records.ts"
import type { KafkaRecord, ProducerRecord } from "../../src/kafka/records.ts"
import type { Ending, Outcome } from "../../src/runtime/attempt.ts"
import type { Cell, Task } from "../../src/runtime/cell.ts"
import { complete, setTimer } from "../../src/runtime/completion.ts"
import { readLetter } from "../../src/runtime/deadLetter.ts"
import { restoreRecord } from "../../src/runtime/restore.ts"
import { nextTask, wants } from "../../src/runtime/task.ts"
import { admit as take } from "../../src/runtime/admission.ts"
import { parkHolders } from "../../src/runtime/parking.ts"
import { Partition } from "../../src/runtime/partition.ts"
import type { DueItem } from "../../src/runtime/partition.ts"
import { transaction } from "../../src/runtime/settle.ts"

const utf8 = new TextEncoder()
const text = new TextDecoder()

const numbers = Topic.make("numbers", { value: Schema.Int, partitions: 1 })
const { definition } = Actor.make("sum", { inbox: numbers, state: Schema.Int, initial: 0, timers: ["due"] }).handle({
  message: (state, message) => Effect.succeed(state + message),
  timer: { due: (state) => Effect.succeed(state) }
})

const keys = ["a", "b", "c", "d"]
const fiber = { interruptUnsafe: () => {} } as unknown as Fiber.Fiber<unknown, unknown>

/** A partition driven by hand: nothing runs unless the test says so. */
const bench = (capacity = 64) => {
  const due: Array<DueItem> = []
  const ready = new Set<Cell>()
  const make = () =>
    new Partition(
      {
        definition,
        deadLetters: "sum.dead-letters",
        expect: (item) => due.push(item),
        wake: (_, cell) => ready.add(cell),
        capacity,
        capacityBytes: 1e6,
        holdLimit: 1_000
      },
      { topic: "numbers", partition: 0 },
      "id"
    )
  const partition = make()
  partition.activate(0, "id")
  return { partition, due, ready, make }
}

const record = (offset: number, key: string): KafkaRecord => ({
  offset,
  timestamp: 0,
  key: utf8.encode(key),
  value: utf8.encode(String(offset)),
  headers: noHeaders
})

const admit = (
  partition: Partition,
  records: ReadonlyArray<KafkaRecord>,
  nextOffset = records.at(-1)!.offset + 1,
  now = 0
) => take(partition, { topic: "numbers", partition: 0, records, fromOffset: 0, nextOffset, endOffset: nextOffset }, now)

const start = (partition: Partition, cell: Cell, now = 0): Task | undefined => {
  const task = nextTask(partition, cell, now)
  if (task !== undefined) partition.started(cell, { task, since: now, fiber })
  return task
}

/** An outcome that appends what was handled to the state, so that the state tells the order. */
const outcome = (cell: Cell, task: Task, ending: Ending["_tag"] = "Settled"): Outcome => {
  const before = cell.json === undefined ? [] : (JSON.parse(cell.json) as Array<string>)
  const what = task._tag === "Message" ? `${task.message.offset}` : `timer ${task.timer.due}`
  const failed = ending === "Retry" || ending === "Hold"
  const after = failed ? before : [...before, what]
  return {
    state: failed ? cell.state : after,
    json: JSON.stringify(after),
    headers: [],
    emitted: [],
    reported: [],
    timers: undefined,
    ending: { _tag: ending, cause: "c", delay: 10 }
  }
}

const finish = (partition: Partition, cell: Cell, ending: Ending["_tag"] = "Settled", now = 0) => {
  const { task } = cell.running!
  partition.stopped(cell)
  complete(partition, cell, task, outcome(cell, task, ending), now)
}

/** The log as a broker would keep it: what is committed, and what the changelog holds. */
const log = () => {
  const changelog: Array<ProducerRecord> = []
  let committed = 0
  return {
    changelog,
    committed: () => committed,
    settle: (partition: Partition, limit = 1_000) => {
      const set = partition.settleSet(limit, 1e6)
      if (set === undefined) return
      const { offsets, records } = transaction({ group: "g", memberId: "m", generation: 1 }, "sum.state", [set], 0)
      changelog.push(...records.filter(({ topic }) => topic === "sum.state"))
      committed = offsets!.committed[0]!.offset
      partition.settled(set)
      return set
    },
    restoreInto: (partition: Partition) => {
      changelog.forEach((entry, offset) => restoreRecord(partition, { ...entry, offset }))
      partition.activate(committed, "id")
    }
  }
}

const random = (seed: number) => {
  let state = seed >>> 0
  return (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

describe("a partition", () => {
  it("holds the commit while an earlier message is unfinished", () => {
    const { partition } = bench()
    const { committed, settle } = log()
    admit(partition, [record(0, "a"), record(1, "b"), record(2, "c")])
    const [a, b, c] = ["a", "b", "c"].map((key) => partition.cells.get(key)!)
    for (const cell of [a!, b!, c!]) start(partition, cell)
    finish(partition, c!)
    finish(partition, b!)
    assert.isUndefined(settle(partition))
    finish(partition, a!)
    settle(partition)
    assert.strictEqual(committed(), 3)
  })

  it("commits past transaction markers and compacted offsets with the message before them", () => {
    const { partition } = bench()
    const { committed, settle } = log()
    admit(partition, [record(4, "a")], 9)
    const a = partition.cells.get("a")!
    start(partition, a)
    finish(partition, a)
    settle(partition)
    assert.strictEqual(committed(), 9)
  })

  it("parks a started message that holds the prefix too long, settles past it, and settles its result later", () => {
    const { partition } = bench()
    const { changelog, committed, settle } = log()
    admit(partition, [record(0, "a"), record(1, "a"), record(2, "b")])
    const [a, b] = [partition.cells.get("a")!, partition.cells.get("b")!]
    start(partition, a)
    start(partition, b)
    finish(partition, b)
    assert.strictEqual(parkHolders(partition, 999), 1_000)
    parkHolders(partition, 1_000)
    settle(partition)
    assert.strictEqual(committed(), 3)
    finish(partition, a)
    settle(partition)
    assert.deepStrictEqual(start(partition, a)?.attempt, 1)
    finish(partition, a)
    settle(partition)
    assert.strictEqual(a.json, JSON.stringify(["0", "1"]))
    assert.strictEqual(changelog.filter(({ key, value }) => key![0] === 3 && value === null).length, 2)
  })

  it("parks what comes for a waiting key at once, so that the commit moves on", () => {
    const { due, partition } = bench()
    const { committed, settle } = log()
    admit(partition, [record(0, "a"), record(1, "b")])
    const a = partition.cells.get("a")!
    start(partition, a)
    finish(partition, a, "Retry")
    admit(partition, [record(2, "a")])
    start(partition, partition.cells.get("b")!)
    finish(partition, partition.cells.get("b")!)
    settle(partition)
    assert.strictEqual(committed(), 3)
    assert.deepStrictEqual(
      due.map((item) => item.due),
      [10]
    )
    assert.isUndefined(start(partition, a, 9))
    assert.strictEqual(start(partition, a, 10)?.attempt, 2)
  })

  it("parks what holds it once half the window behind is finished, without waiting", () => {
    const { partition } = bench(4)
    admit(partition, [record(0, "a"), record(1, "b"), record(2, "c")])
    for (const key of ["a", "b", "c"]) start(partition, partition.cells.get(key)!)
    finish(partition, partition.cells.get("b")!)
    assert.strictEqual(parkHolders(partition, 0), 1_000)
    finish(partition, partition.cells.get("c")!)
    assert.isUndefined(parkHolders(partition, 0))
    assert.strictEqual(partition.cells.get("a")!.parked.length, 1)
  })

  it("parks what waits for a timer of its key that runs on, in order", () => {
    const { partition } = bench()
    const { committed, settle } = log()
    const a = partition.cell("a")
    setTimer(partition, a, "due", { due: 5, when: { at: 5 }, attempt: 0 })
    a.ring("due")
    start(partition, a, 5)
    admit(partition, [record(0, "a"), record(1, "b"), record(2, "a")])
    const b = partition.cells.get("b")!
    start(partition, b)
    finish(partition, b)
    assert.strictEqual(parkHolders(partition, 1_004), 1_005)
    parkHolders(partition, 1_005)
    settle(partition)
    assert.strictEqual(committed(), 3)
    finish(partition, a)
    while (start(partition, a, 2_000) !== undefined) finish(partition, a)
    assert.strictEqual(a.json, JSON.stringify(["timer 5", "0", "2"]))
  })

  it("never parks a message that only waits for a worker", () => {
    const { partition } = bench(4)
    admit(partition, [record(0, "a"), record(1, "b")])
    start(partition, partition.cells.get("b")!)
    finish(partition, partition.cells.get("b")!)
    assert.isUndefined(parkHolders(partition, 1e9))
    assert.strictEqual(partition.cells.get("a")!.parked.length, 0)
  })

  it("dates a dead letter by its own clock: its producer's may be old enough to be deleted, or no date at all", () => {
    const { partition } = bench()
    admit(
      partition,
      [
        { ...record(0, "a"), key: null, timestamp: 0 },
        { ...record(1, "a"), key: null, timestamp: 9e15 }
      ],
      2,
      1_000
    )
    const outputs = partition.settleSet(10, 1e6)!.included.flatMap(({ outputs }) => outputs)
    assert.deepStrictEqual(
      outputs.map(({ headers, timestamp }) => [
        timestamp,
        readLetter({ ...outputs[0]!, headers, offset: 0 })?.failedAt
      ]),
      [
        [1_000, "1970-01-01T00:00:01.000Z"],
        [1_000, "1970-01-01T00:00:01.000Z"]
      ]
    )
  })

  it("sends a key it cannot read to the dead letters, and a misplaced one to its partition", () => {
    const two = Topic.make("numbers", { value: Schema.Int, partitions: 2 })
    const actor = Actor.make("sum", { inbox: two }).handle({ message: () => Effect.void })
    const partition = new Partition(
      {
        definition: actor.definition,
        deadLetters: "sum.dead-letters",
        expect: () => {},
        wake: () => {},
        capacity: 8,
        capacityBytes: 1e6,
        holdLimit: 1_000
      },
      { topic: "numbers", partition: 0 },
      "id"
    )
    partition.activate(0, "id")
    const elsewhere = keys.find((key) => partitionFor(utf8.encode(key), 2) === 1)!
    admit(partition, [{ ...record(0, "a"), key: null }, record(1, elsewhere)])
    const set = partition.settleSet(10, 1e6)!
    const outputs = set.included.flatMap(({ outputs }) => outputs)
    assert.deepStrictEqual(
      outputs.map(({ partition, topic }) => [topic, partition]),
      [
        ["sum.dead-letters", 0],
        ["numbers", 1]
      ]
    )
    assert.strictEqual(set.position.next, 2)
  })

  it.prop(
    "over any order of finishing, parking, failing, settling and crashing, handles every message of a key once and in order",
    [Schema.Int],
    ([seed]) => {
      const draw = random(seed)
      const total = 40
      const inbox = Array.from({ length: total }, (_, offset) => record(offset, keys[draw(keys.length)]!))
      const broker = log()
      let { due, partition, ready } = bench(8)
      let [admitted, now] = [0, 0]
      const steps = () => {
        switch (draw(9)) {
          case 0:
          case 1: {
            const batch = inbox.slice(admitted, admitted + 1 + draw(4))
            if (batch.length === 0 || partition.full) return
            admit(partition, batch)
            admitted += batch.length
            return
          }
          case 2:
          case 3: {
            const cell = [...ready][draw(ready.size)]
            if (cell === undefined) return
            ready.delete(cell)
            start(partition, cell, now)
            return
          }
          case 4:
          case 5: {
            const cell = [...partition.running][draw(partition.running.size)]
            if (cell === undefined) return
            finish(partition, cell, draw(5) === 0 ? "Retry" : "Settled", now)
            if (wants(partition, cell, now)) ready.add(cell)
            return
          }
          case 6:
            now += draw(700)
            for (const item of due.splice(0))
              if (item.due <= now) item.partition.ring(item)
              else due.push(item)
            return
          case 7:
            parkHolders(partition, now)
            broker.settle(partition, 1 + draw(6))
            return
          default:
            if (draw(6) > 0) return
            // A crash: memory is gone, the log stays.
            ;({ due, partition, ready } = bench(8))
            partition.phase = "restoring"
            broker.restoreInto(partition)
            admitted = broker.committed()
        }
      }
      for (let step = 0; step < 400; step++) steps()
      for (
        let step = 0;
        step < 5_000 &&
        (broker.committed() < total ||
          partition.running.size > 0 ||
          partition.unsettled > 0 ||
          ready.size > 0 ||
          due.length > 0);
        step++
      )
        steps()
      for (const key of keys) {
        const cell = partition.cells.get(key)
        const handled = cell?.json === undefined ? [] : (JSON.parse(cell.json) as Array<string>)
        const expected = inbox.filter((one) => text.decode(one.key!) === key).map(({ offset }) => `${offset}`)
        assert.deepStrictEqual(handled, expected, `key ${key}, seed ${seed}`)
      }
    }
  )
})
