import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Logger } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { EmbeddedBroker } from "../../src/kafka/embedded/embedded.ts"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { database } from "./database.ts"
import { sentences, start, table, words, write, writeControl, writeTransaction } from "./world.ts"

const services = Layer.mergeAll(Embedded.layerMemory, database, Logger.layer([])).pipe(Layer.orDie)

const story = <A, E>(name: string, body: Effect.Effect<A, E, Kafka | EmbeddedBroker | SqlClient.SqlClient>) =>
  it.effect(name, () => Effect.provide(body, services))

const stored = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql<{ next_offset: number | bigint }>`SELECT next_offset FROM sixfold_offsets
    WHERE projection = ${sentences.name} AND partition_no = 0`
  return Number(row!.next_offset)
})

describe("two owners", () => {
  story(
    "one that was frozen with a batch in its hands writes nothing of it when it goes on",
    Effect.gen(function* () {
      const one = yield* start("one")
      yield* write("k", "a")
      yield* one.quiet
      yield* one.freeze
      // Answered to the frozen one, which hears it only when it thaws.
      yield* write("k", "b")
      const two = yield* start("two")
      yield* two.pass("30 seconds")
      assert.deepStrictEqual(yield* table, { k: "a b" })
      yield* one.thaw
      yield* one.quiet
      yield* write("k", "c")
      yield* two.pass("30 seconds")
      yield* one.quiet
      assert.deepStrictEqual(yield* table, { k: "a b c" })
      assert.deepStrictEqual([one.replica().restarts, two.replica().restarts], [0, 0])
      yield* one.stop
      yield* write("k", "d")
      yield* two.pass("30 seconds")
      assert.deepStrictEqual(yield* table, { k: "a b c d" })
      yield* two.stop
    })
  )

  story(
    "one whose transaction had to wait while another took over and wrote writes nothing of it",
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const one = yield* start("one")
      yield* write("k", "a")
      yield* one.quiet
      const [waiting, goOn] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const other = yield* Effect.forkChild(
        sql.withTransaction(
          Effect.gen(function* () {
            yield* sql`UPDATE sixfold_offsets SET owner_no = owner_no + 1, next_offset = next_offset + 1 WHERE partition_no = 0`
            yield* sql`UPDATE sentences SET text = text || ' b'`
            yield* Deferred.succeed(waiting, undefined)
            yield* Deferred.await(goOn)
          })
        )
      )
      yield* Deferred.await(waiting)
      yield* write("k", "b")
      yield* one.quiet
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.join(other)
      yield* one.quiet
      assert.deepStrictEqual(yield* table, { k: "a b" })
      // The group has not heard of the other: the partition is taken back.
      yield* write("k", "c")
      yield* one.quiet
      assert.deepStrictEqual(yield* table, { k: "a b c" })
      assert.strictEqual(one.replica().restarts, 0)
      yield* one.stop
    })
  )

  story(
    "partitions move while records come, and come back when the other has crashed",
    Effect.gen(function* () {
      const one = yield* start("one")
      yield* write("k", "a")
      const two = yield* start("two")
      yield* write("k", "b")
      yield* one.pass("10 seconds")
      yield* two.pass("30 seconds")
      yield* write("k", "c")
      yield* one.quiet
      yield* two.quiet
      assert.deepStrictEqual(yield* table, { k: "a b c" })
      assert.strictEqual(one.replica().partitions.length, 1)
      yield* two.crash
      yield* write("k", "d")
      yield* one.pass("30 seconds")
      assert.strictEqual(one.replica().partitions.length, 2)
      assert.deepStrictEqual(yield* table, { k: "a b c d" })
      yield* one.stop
    })
  )
})

describe("a projection's place", () => {
  story(
    "is behind the operators' record that ends the log: retention may take all of it",
    Effect.gen(function* () {
      const { control } = yield* EmbeddedBroker
      const kafka = yield* Kafka
      const one = yield* start("one")
      yield* write("k", "a")
      yield* one.quiet
      yield* writeControl("k")
      yield* one.quiet
      const end = yield* kafka.topics.endOffset({ topic: words.name, partition: 0 })
      assert.strictEqual(end, 2)
      yield* one.pass("5 seconds")
      assert.strictEqual(yield* stored, end)
      yield* one.stop
      yield* TestClock.adjust("8 days")
      yield* control.clean
      assert.strictEqual(yield* kafka.topics.beginOffset({ topic: words.name, partition: 0 }), end)
      const again = yield* start("one")
      yield* write("k", "b")
      yield* again.quiet
      assert.deepStrictEqual(yield* table, { k: "a b" })
      assert.strictEqual(again.replica().state, "running")
      yield* again.stop
    })
  )

  story(
    "is behind the markers of transactions",
    Effect.gen(function* () {
      const one = yield* start("one")
      for (const value of ["a", "b", "c"]) {
        yield* writeTransaction("k", value)
        yield* one.quiet
      }
      assert.strictEqual(yield* stored, 6)
      assert.strictEqual(one.replica().partitions.find(({ partition }) => partition === 0)!.lag, 0)
      assert.deepStrictEqual(yield* table, { k: "a b c" })
      yield* one.stop
    })
  )

  /** Fails for good, and says why; what is in the table stays. */
  const refused = (
    name: string,
    message: RegExp,
    spoil: Effect.Effect<unknown, unknown, Kafka | EmbeddedBroker | SqlClient.SqlClient>
  ) =>
    story(
      name,
      Effect.gen(function* () {
        const one = yield* start("one")
        yield* write("k", "a", "b")
        yield* one.quiet
        yield* one.stop
        yield* spoil
        const again = yield* start("one")
        yield* again.pass("10 minutes")
        assert.strictEqual(again.replica().state, "failed")
        assert.match(again.replica().trouble!.cause, message)
        assert.deepStrictEqual(yield* table, { k: "a b" })
        yield* again.stop
      })
    )

  refused(
    "is not in a topic that was deleted and made again",
    /made from topic/,
    Effect.gen(function* () {
      const { control } = yield* EmbeddedBroker
      yield* control.deleteTopic(words.name)
      yield* write("k", "other", "other", "other")
    })
  )
  refused(
    "is not in another cluster's log",
    /of cluster elsewhere/,
    SqlClient.SqlClient.use((sql) => sql`UPDATE sixfold_offsets SET cluster_id = 'elsewhere'`)
  )
  refused(
    "is not beyond the end of a log that was cut",
    /the next offset is 3, but the log ends at 2/,
    SqlClient.SqlClient.use(
      (sql) => sql`UPDATE sixfold_offsets SET next_offset = next_offset + 1 WHERE partition_no = 0`
    )
  )
  refused(
    "is not before the begin of a log whose records were deleted unread",
    /offsets 2 to 2 were deleted before they were applied/,
    Effect.gen(function* () {
      const { control } = yield* EmbeddedBroker
      yield* write("k", "unread")
      yield* TestClock.adjust("8 days")
      yield* control.clean
    })
  )
})
