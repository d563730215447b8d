import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Logger } from "effect"
import { TestClock } from "effect/testing"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import type { Member, Producer } from "../../src/kafka/kafka.ts"
import type { ProducerRecord } from "../../src/kafka/records.ts"
import type { Partition } from "../../src/runtime/partition.ts"
import { restore } from "../../src/runtime/restore.ts"
import * as Entry from "../../src/store/entry.ts"
import { definition, numbers, partitionOf } from "./world.ts"

const changelog = "sum.state"
const utf8 = new TextEncoder()

interface Given {
  /** What the changelog says of itself; absent: nothing. */
  readonly recorded?: { readonly topicId?: string; readonly next: number }
  /** What the group has committed; several: as it says one call after the other, the last for good. */
  readonly committed?: number | ReadonlyArray<number>
  /** The first message that retention has left. */
  readonly begin?: number
  /** What the broker says of the changelog's end, by the barrier's offset and then when asked, beyond what is there. */
  readonly ends?: ReadonlyArray<number>
  readonly states?: ReadonlyArray<[key: string, json: string]>
  readonly memory?: number
}

/** Takes a partition over from what is given; answers where it goes on, or the error's reason and message. */
const taking = (given: Given, partition: Partition = partitionOf()) =>
  Effect.gen(function* () {
    const kafka = yield* Kafka
    yield* kafka.topics.ensure([numbers.spec, { name: changelog, partitions: 1, cleanup: "compact" }])
    const record = (key: Uint8Array, value: Uint8Array): ProducerRecord => ({
      topic: changelog,
      partition: 0,
      key,
      value,
      headers: [],
      timestamp: 0
    })
    const { recorded, states = [] } = given
    const producer = yield* kafka.producer
    const records = states.map(([key, json]) => record(Entry.stateKey(key), utf8.encode(json)))
    if (recorded !== undefined) {
      records.push(record(Entry.positionKey, Entry.positionValue.encode({ topicId: "id", settle: 1, ...recorded })))
    }
    if (records.length > 0) yield* producer.send(records)
    const ends = [...(given.ends ?? [])]
    const topics: Kafka["Service"]["topics"] = {
      ...kafka.topics,
      beginOffset: (at) => (at.topic === changelog ? kafka.topics.beginOffset(at) : Effect.succeed(given.begin ?? 0)),
      endOffset: (at) => Effect.map(kafka.topics.endOffset(at), (end) => end + (ends.shift() ?? 0))
    }
    const at = { topic: numbers.name, partition: 0 }
    const said = [given.committed ?? []].flat()
    const member = {
      committed: () =>
        Effect.sync(() => {
          const offset = said.length > 1 ? said.shift() : said[0]
          return offset === undefined ? [] : [{ ...at, offset }]
        })
    } as unknown as Member
    const writer: Producer = {
      send: (records) =>
        Effect.map(producer.send(records), (offsets) => offsets.map((offset) => offset + (ends.shift() ?? 0)))
    }
    return yield* restore({ ...kafka, topics }, member, partition, {
      actor: "sum",
      changelog,
      topicId: "id",
      producer: Effect.succeed(writer)
    })
  }).pipe(
    Effect.catchTag("ReplicaError", ({ message, reason }) => Effect.succeed(`${reason}: ${message}`)),
    Effect.scoped,
    Effect.provide(Embedded.layerMemory)
  )

/** The same for one that waits. */
const waiting = Effect.fnUntraced(function* (given: Given) {
  const fiber = yield* Effect.forkChild(taking(given))
  yield* Effect.repeat(TestClock.adjust("1 second"), { times: 130 })
  return yield* Fiber.join(fiber)
})

describe("whoever takes a partition over", () => {
  it.effect("goes on where group and changelog say, or from what is left where neither says anything", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* taking({ recorded: { next: 7 }, committed: 7, begin: 3 }), 7)
      assert.strictEqual(yield* taking({ begin: 3 }), 3)
      assert.strictEqual(yield* taking({ committed: 7, begin: 3 }), 7)
    })
  )

  it.effect("says so where only the group knows of anything", () => {
    const logged: Array<unknown> = []
    const logging = Logger.layer([Logger.make(({ message }) => void logged.push(message))])
    return Effect.gen(function* () {
      yield* taking({ begin: 3 })
      yield* taking({ recorded: { next: 7 }, committed: 7 })
      assert.deepStrictEqual(logged, [])
      yield* taking({ committed: 7, begin: 3 })
      assert.match(String(logged), /^numbers\/0: sum begins at the group's offset 7, without any state/)
    }).pipe(Effect.provide(logging))
  })

  it.effect("reads the changelog to its own barrier, whatever a broker that was cut off says of its end", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* taking({ recorded: { next: 7 }, committed: 7, ends: [0, -2] }), 7)
    })
  )

  it.effect("goes on from the changelog's position where the group's offset has expired", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* taking({ recorded: { next: 7 }, begin: 3 }), 7)
    })
  )

  it.effect("asks the group again while it differs: a broker that was cut off says for a moment what was before", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* waiting({ recorded: { next: 7 }, committed: [3, 3, 7], begin: 3 }), 7)
    })
  )

  it.effect("refuses a group's offset that was reset by hand, and names both", () =>
    Effect.gen(function* () {
      for (const committed of [3, 6, 8]) {
        assert.strictEqual(
          yield* waiting({ recorded: { next: 7 }, committed, begin: 3 }),
          `PositionMismatch: numbers/0: the group committed offset ${committed}, the changelog says 7`
        )
      }
    })
  )

  it.effect("refuses to leave out what retention deleted before it was handled", () =>
    Effect.gen(function* () {
      const overrun = "InboxOverrun: numbers/0: offsets 7 to 9 were deleted before they were handled"
      assert.include(String(yield* taking({ recorded: { next: 7 }, committed: 7, begin: 10 })), overrun)
      assert.include(String(yield* taking({ recorded: { next: 7 }, begin: 10 })), overrun)
      assert.include(String(yield* taking({ committed: 7, begin: 10 })), overrun)
      assert.include(String(yield* taking({ recorded: { next: 7 }, committed: 12, begin: 10 })), overrun)
    })
  )

  it.effect("leaves it out once an operator has set the group's offset to the first message that is left", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* taking({ recorded: { next: 7 }, committed: 10, begin: 10 }), 10)
    })
  )

  it.effect("refuses the state of another topic of the same name", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* taking({ recorded: { topicId: "old", next: 7 }, committed: 7 }),
        "TopicRecreated: numbers/0: the state is of topic old, the inbox is now id"
      )
    })
  )

  it.effect("refuses more states than their share of the actor's memory, also those it only reads", () =>
    Effect.gen(function* () {
      const around = { definition: { ...definition, memory: 10 } }
      const states: ReadonlyArray<[string, string]> = [
        ["ada", "12345"],
        ["bob", "123456"]
      ]
      assert.include(String(yield* taking({ states }, partitionOf(around))), "MemoryExceeded: numbers/0 holds 11 bytes")
      assert.strictEqual(yield* taking({ states: states.slice(1) }, partitionOf(around)), 0)
    })
  )

  it.effect("fails loudly where the changelog does not reach its end, and says which of the two it is", () =>
    Effect.gen(function* () {
      const given = { recorded: { next: 7 }, committed: 7 }
      assert.strictEqual(
        yield* waiting({ ...given, ends: [4] }),
        "RestoreStalled: sum.state/0: no progress at 2 of 5: the log shrank to 2"
      )
      assert.strictEqual(
        yield* waiting({ ...given, ends: [4, 4] }),
        "RestoreStalled: sum.state/0: no progress at 2 of 5: a transaction that is not ours is open there"
      )
    })
  )
})
