import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, Result } from "effect"
import { SqlClient } from "effect/sql"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import type { EmbeddedBroker } from "../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { partitionId } from "../../src/kafka/records.ts"
import { rebuild } from "../../src/projection/rebuild.ts"
import type { Progress } from "../../src/projection/rebuild.ts"
import { makeShadow, rebuildId, swap } from "../../src/projection/shadow.ts"
import { takeOver, topicIds } from "../../src/projection/takeOver.ts"
import { breathe, database, isIndexed, tables } from "./database.ts"
import { readAll, text } from "../broker/clients.ts"
import { sentences, start, table, words, write, writeNoise, writeTo } from "./world.ts"

type Services = Kafka | EmbeddedBroker | SqlClient.SqlClient

const services = Layer.mergeAll(Embedded.layerMemory, database, Logger.layer([])).pipe(Layer.orDie)
const run = <A, E>(body: Effect.Effect<A, E, Services>) => Effect.provide(body, services)
const story = <A, E>(name: string, body: Effect.Effect<A, E, Services>) => it.effect(name, () => run(body))

const rebuilt = rebuild(sentences, () => undefined)

/** Whatever the live table says, only a rebuild makes it this again. */
const spoil = SqlClient.SqlClient.use((sql) => sql`UPDATE sentences SET text = 'spoiled'`)

/** What the dead letters of its first partition say. */
const letters = Effect.gen(function* () {
  const at = { topic: `${sentences.name}.dead-letters`, partition: 0 }
  const found = yield* readAll([at])
  return found.get(partitionId(at.topic, at.partition))!.map(({ value }) => text(value))
})

const onlyLive = ["sentences", "sixfold_offsets", "sixfold_projections"]

describe("a rebuild", () => {
  story(
    "makes the table anew from the begin of the log; the live replica goes on from there",
    Effect.gen(function* () {
      const one = yield* start("one")
      yield* write("k", "a", "b")
      yield* write("l", "c")
      yield* one.quiet
      yield* spoil
      const shown: Array<Progress> = []
      yield* rebuild(sentences, (progress) => shown.push(progress))
      assert.deepStrictEqual(yield* table, { k: "a b", l: "c" })
      assert.deepStrictEqual(shown[0], { done: 0, total: 3 })
      assert.deepStrictEqual(shown.at(-1), { done: 3, total: 3 })
      yield* write("k", "d")
      yield* one.quiet
      assert.deepStrictEqual(yield* table, { k: "a b d", l: "c" })
      assert.strictEqual(one.replica().restarts, 0)
      assert.deepStrictEqual(yield* tables, onlyLive)
      const sql = yield* SqlClient.SqlClient
      assert.deepStrictEqual(yield* sql`SELECT * FROM sixfold_offsets WHERE projection = ${rebuildId(sentences)}`, [])
      yield* one.stop
    })
  )

  story(
    "may be repeated: the indexes are there each time",
    Effect.gen(function* () {
      const one = yield* start("one")
      yield* write("k", "a")
      yield* one.quiet
      for (let times = 0; times < 4; times++) {
        assert.isTrue(yield* isIndexed, `after ${times} rebuilds`)
        yield* rebuilt
        assert.deepStrictEqual(yield* table, { k: "a" })
      }
      yield* one.stop
    })
  )

  story(
    "interrupts nobody who reads, and misses nothing that is written meanwhile",
    Effect.gen(function* () {
      const one = yield* start("one")
      yield* write("k", "0")
      yield* one.quiet
      const rebuilding = yield* Effect.forkChild(rebuilt)
      let [n, reads] = [1, 0]
      while (rebuilding.pollUnsafe() === undefined || n < 20) {
        if (n < 20) yield* write("k", String(n++))
        const { k } = yield* table
        assert.isTrue(k!.startsWith("0"), k)
        reads++
        yield* Effect.yieldNow
      }
      yield* Fiber.join(rebuilding)
      yield* one.quiet
      assert.deepStrictEqual(yield* table, { k: Array.from({ length: 20 }, (_, n) => n).join(" ") })
      assert.isAbove(reads, 5)
      yield* one.stop
    })
  )

  story(
    "goes on beside several replicas, of this process and of another, that all write: none fails, and nothing is lost or twice",
    Effect.gen(function* () {
      const one = yield* start("one", 3)
      const two = yield* start("two")
      yield* two.pass("30 seconds")
      for (const partition of [0, 1]) yield* writeTo(partition, `k${partition}`, "0")
      yield* one.quiet
      for (let round = 0, n = 1; round < 3; round++) {
        const rebuilding = yield* Effect.forkChild(rebuilt)
        for (const end = n + 5; rebuilding.pollUnsafe() === undefined || n < end;) {
          if (n >= end) yield* breathe
          else {
            for (const partition of [0, 1]) yield* writeTo(partition, `k${partition}`, String(n))
            n++
          }
        }
        yield* Fiber.join(rebuilding)
        yield* one.pass("10 seconds")
        yield* two.quiet
        const all = Array.from({ length: n }, (_, word) => word).join(" ")
        assert.deepStrictEqual(yield* table, { k0: all, k1: all })
      }
      const replicas = [...one.replicas(), ...two.replicas()]
      assert.deepStrictEqual(
        replicas.map(({ restarts, state }) => [restarts, state]),
        replicas.map(() => [0, "running"])
      )
      const owned = replicas.flatMap(({ partitions }) => partitions.map(({ partition }) => partition))
      assert.sameMembers(owned, [0, 1])
      yield* one.stop
      yield* two.stop
    })
  )

  it.effect("that ends at any moment leaves the live table as it is, and the next one is whole", () =>
    Effect.gen(function* () {
      let [before, after] = [0, 0]
      for (let steps = 0; steps < 300; steps += 12) {
        yield* run(
          Effect.gen(function* () {
            const one = yield* start("one")
            yield* write("k", "a", "b")
            yield* write("l", "c")
            yield* one.quiet
            yield* spoil
            const rebuilding = yield* Effect.forkChild(rebuilt)
            yield* Effect.repeat(breathe, { times: steps })
            yield* Fiber.interrupt(rebuilding)
            const { k } = yield* table
            assert.include(["spoiled", "a b"], k!, `after ${steps} steps`)
            if (k === "spoiled") before++
            else after++
            yield* write("k", "d")
            yield* one.quiet
            assert.deepStrictEqual((yield* table)["k"], `${k} d`, `after ${steps} steps`)
            yield* rebuilt
            assert.deepStrictEqual(yield* table, { k: "a b d", l: "c" }, `after ${steps} steps`)
            assert.deepStrictEqual(yield* tables, onlyLive)
            yield* one.stop
          })
        )
      }
      assert.isAbove(before, 0)
      assert.isAbove(after, 0)
    })
  )

  story(
    "ends when another begins; the table is right in the end",
    Effect.gen(function* () {
      const one = yield* start("one")
      yield* write("k", "a", "b")
      yield* one.quiet
      yield* spoil
      const both = yield* Effect.all([Effect.result(rebuilt), Effect.result(rebuilt)], { concurrency: 2 })
      assert.isAbove(both.filter(Result.isSuccess).length, 0)
      yield* one.quiet
      assert.deepStrictEqual(yield* table, { k: "a b" })
      assert.deepStrictEqual(yield* tables, onlyLive)
      yield* one.stop
    })
  )

  story(
    "cures a table that was made from another log",
    Effect.gen(function* () {
      const one = yield* start("one")
      yield* write("k", "a", "b", "c")
      yield* one.quiet
      const sql = yield* SqlClient.SqlClient
      yield* sql`UPDATE sixfold_offsets SET topic_id = 'another'`
      yield* one.stop
      const again = yield* start("one")
      assert.strictEqual(again.replica().state, "failed")
      yield* spoil
      yield* rebuilt
      yield* write("k", "d")
      yield* again.pass("10 minutes")
      assert.strictEqual(again.replica().state, "running")
      assert.deepStrictEqual(yield* table, { k: "a b c d" })
      yield* again.stop
    })
  )

  story(
    "makes dead letters of what it is refused and the live table has not met, and of nothing else",
    Effect.gen(function* () {
      const one = yield* start("one")
      yield* write("k", "a")
      yield* writeNoise("met")
      yield* one.quiet
      yield* one.stop
      yield* writeNoise("ahead")
      yield* write("k", "b")
      yield* rebuilt
      assert.deepStrictEqual(yield* letters, ["met", "ahead"])
      const again = yield* start("one")
      yield* again.quiet
      assert.deepStrictEqual(yield* letters, ["met", "ahead"])
      assert.deepStrictEqual(yield* table, { k: "a b" })
      yield* again.stop
    })
  )

  story(
    "makes a table that nobody has made yet",
    Effect.gen(function* () {
      yield* write("k", "a")
      yield* rebuilt
      assert.deepStrictEqual(yield* table, { k: "a" })
      const one = yield* start("one")
      assert.deepStrictEqual(yield* table, { k: "a" })
      yield* one.stop
    })
  )

  story(
    "never goes back in time: a shadow that lacks a record, be it the newest, is not swapped in, and nobody loses a partition",
    Effect.gen(function* () {
      const one = yield* start("one")
      yield* write("k", "a")
      yield* one.quiet
      const sql = yield* SqlClient.SqlClient
      const owners = sql`SELECT owner_no FROM sixfold_offsets WHERE projection = ${sentences.name} ORDER BY partition_no`
      const before = yield* owners
      const kafka = yield* Kafka
      const shadow = yield* makeShadow(sentences)
      const at = { topic: words.name, partition: 0 }
      const { end, position, read, topicId } = yield* takeOver(
        kafka,
        sentences,
        rebuildId(sentences),
        at,
        yield* topicIds(kafka, [words.name])
      )
      const source = { ...at, clusterId: kafka.clusterId, topicId }
      // The end of the log as it was known before the record came.
      for (const known of [end, 0]) {
        const reading = { position, source, begin: read, read, end: known }
        const behind = yield* Effect.flip(swap(kafka, sentences, shadow, [reading], () => Effect.void))
        assert.strictEqual(behind._tag, "Behind")
      }
      assert.deepStrictEqual(yield* table, { k: "a" })
      assert.deepStrictEqual(yield* owners, before)
      yield* one.stop
    })
  )
})
