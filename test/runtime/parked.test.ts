import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema, SchemaGetter } from "effect"
import { TestClock } from "effect/testing"
import { Actor, Topic, Topology } from "../../src/index.ts"
import { admit } from "../../src/runtime/admission.ts"
import { commandHeaders, encodeCommand } from "../../src/runtime/control.ts"
import type { Partition } from "../../src/runtime/partition.ts"
import { nextTask } from "../../src/runtime/task.ts"
import { restoreRecord } from "../../src/runtime/restore.ts"
import { TestKit } from "../../src/testing/testKit.ts"
import { batchOf, handled, partitionOf, record } from "./world.ts"

/** A partition whose key "a" is held at its first message, offset 0. */
const holding = (): Partition => {
  const partition = partitionOf()
  admit(partition, batchOf([record(0, "a")]), 0)
  const cell = partition.cells.get("a")!
  const task = nextTask(partition, cell, 0)!
  handled(partition, cell, task, { _tag: "Hold", cause: "c" })
  return partition
}

/** What a settle of everything writes to the dead letters: causes. */
const causes = (partition: Partition): ReadonlyArray<string> =>
  partition
    .settleSet(1e6, 1e12)!
    .included.flatMap(({ outputs }) => outputs)
    .map(({ headers }) => new TextDecoder().decode(headers.find(([name]) => name === "sixfold-error")![1]))

/** A partition that has restored what settling this one writes. */
const restored = (partition: Partition): Partition => {
  const next = partitionOf()
  const { included } = partition.settleSet(1e6, 1e12)!
  for (const [key, value] of included.flatMap(({ entries }) => entries)) {
    restoreRecord(next, { offset: 0, timestamp: 0, key, value, headers: [] })
  }
  return next
}

const mebibyte = new Uint8Array(1_048_576)

describe("what waits behind one key", () => {
  it("is at most 10,000 messages: what comes then goes to the dead letters, and the key's order stays whole", () => {
    const partition = holding()
    admit(partition, batchOf(Array.from({ length: 10_001 }, (_, n) => record(n + 1, "a"))), 0)
    admit(partition, batchOf([record(10_002, "b")]), 0)
    const { parked } = partition.cells.get("a")!
    assert.deepStrictEqual([parked.length, parked.at(-1)!.offset], [10_000, 9_999])
    assert.deepStrictEqual(causes(partition), ["ParkedQueueFull", "ParkedQueueFull"])
    assert.strictEqual(partition.cells.get("b")!.mailbox.length, 1, "nobody else's is full")
  })

  it("takes no replay where it is full: the dead letter stays open, and may come later", () => {
    const partition = holding()
    admit(partition, batchOf(Array.from({ length: 9_999 }, (_, n) => record(n + 1, "a"))), 0)
    const cell = partition.cells.get("a")!
    const origin = { id: "numbers/0/0", replays: 0, source: { topic: "numbers", partition: 0, offset: 0 } }
    const letter = { ...record(7, "a"), origin, error: "c", attempts: 1, failedAt: "" }
    const replay = (offset: number) => {
      const value = encodeCommand({ op: "replay", id: "0-7" })
      const command = { ...record(offset, "a"), headers: commandHeaders("sum"), value }
      admit(partition, batchOf([command]), 0, new Map([[7, letter]]))
      return cell.parked.at(-1)!.offset
    }
    assert.strictEqual(replay(10_000), 9_999)
    cell.unpark()
    assert.strictEqual(replay(10_001), 10_001)
  })

  for (const [what, content] of [
    ["values", { value: mebibyte }],
    ["headers", { headers: [["blob", mebibyte]] as const }]
  ] as const) {
    it(`is at most 16 MiB and a message, also after a restore: ${what}`, () => {
      const partition = holding()
      const more = (from: number) => Array.from({ length: 10 }, (_, n) => ({ ...record(from + n, "a"), ...content }))
      admit(partition, batchOf(more(1)), 0)
      const next = restored(partition)
      for (const each of [partition, next]) {
        admit(each, batchOf(more(11)), 0)
        assert.strictEqual(each.cells.get("a")!.parked.length, 17)
        assert.strictEqual(causes(each).length, 4)
      }
    })

    it(`bounds what is taken from the inbox, too: ${what}`, () => {
      const partition = partitionOf({ capacityBytes: 4 * mebibyte.length })
      admit(partition, batchOf([1, 2, 3].map((n) => ({ ...record(n, "a"), ...content }))), 0)
      assert.isFalse(partition.full)
      admit(partition, batchOf([{ ...record(4, "a"), ...content }]), 0)
      assert.isTrue(partition.full)
    })
  }

  it("counts headers that are empty: each takes memory of its own", () => {
    const partition = partitionOf({ capacityBytes: 4 * mebibyte.length })
    const headers = Array.from({ length: 100_000 }, () => ["", mebibyte.subarray(0, 0)] as const)
    admit(partition, batchOf([{ ...record(0, "a"), headers }]), 0)
    assert.isTrue(partition.full)
  })

  it("keeps none of the bytes that it came with, read from the inbox or restored", () => {
    const batch = new Uint8Array(262_144)
    const partition = holding()
    const headers = [["trace", batch.subarray(1_000, 1_010)]] as const
    admit(partition, batchOf([{ ...record(1, "a"), value: batch.subarray(0, 100), headers }]), 0)
    for (const each of [partition, restored(partition)]) {
      const { value, headers } = each.cells.get("a")!.parked[1]!
      assert.deepStrictEqual([value!.length, headers[0]![1].length], [100, 10])
      for (const { buffer } of [value!, headers[0]![1]]) assert.isBelow(buffer.byteLength, 1_000)
    }
  })

  it("frees its room as it is handled", () => {
    const cell = holding().cells.get("a")!
    assert.isAbove(cell.parkedBytes, 0)
    cell.unpark()
    assert.strictEqual(cell.parkedBytes, 0)
  })
})

describe("a key on which its schema throws", () => {
  it("goes to the dead letters", () => {
    const key = Schema.String.pipe(
      Schema.decodeTo(Schema.instanceOf(URL), {
        decode: SchemaGetter.transform((text: string) => new URL(text)),
        encode: SchemaGetter.transform(({ href }: URL) => href)
      })
    )
    const sites = Topic.make("numbers", { key, value: Schema.Int, partitions: 1 })
    const { definition } = Actor.make("sum", { inbox: sites }).handle({ message: () => Effect.void })
    const partition = partitionOf({ definition })
    admit(partition, batchOf([record(0, "nonsense"), record(1, "https://example.org/")]), 0)
    assert.strictEqual(causes(partition).length, 1)
    assert.deepStrictEqual([...partition.cells.keys()], ["https://example.org/"])
  })
})

class Down extends Schema.TaggedError<Down>()("Down", {}) {}
const jobs = Topic.make("jobs", { value: Schema.String, partitions: 1 })

describe("a message that is retried for ever", () => {
  it.effect("is given up on after seven days, also over a restart, and the next one gets its turn", () => {
    let attempts = 0
    const actor = Actor.make("worker", { inbox: jobs, state: Schema.Array(Schema.String), initial: [] })
      .handle({
        message: (state, job) =>
          job === "never"
            ? Effect.suspend(() => (attempts++, Effect.fail(new Down())))
            : Effect.succeed([...state, job]),
        deadLetter: (state, letter) => Effect.succeed([...state, `gave up after ${letter.attempts}`])
      })
      .errors({ Down: { retry: { base: "1 day", max: "1 day" }, then: "dead-letter" } })
    return Effect.gen(function* () {
      const kit = yield* TestKit
      for (const job of ["never", "next"]) yield* kit.send(jobs, "ada", job)
      for (let day = 0; day < 9; day++) {
        yield* kit.quiet
        if (day === 4) yield* kit.crash(actor)
        yield* TestClock.adjust("1 day")
        yield* kit.quiet
      }
      assert.deepStrictEqual(yield* kit.state(actor, "ada"), Option.some([`gave up after ${attempts}`, "next"]))
      assert.strictEqual(attempts, 9)
    }).pipe(Effect.provide(TestKit.layer(Topology.make("test", actor))))
  })
})
