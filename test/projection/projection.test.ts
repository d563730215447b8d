import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { Topic, Topology } from "../../src/index.ts"
import { EmbeddedBroker } from "../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import type { Header } from "../../src/kafka/records.ts"
import { Projection } from "../../src/projection/index.ts"
import { commandHeaders } from "../../src/runtime/control.ts"
import { Actors } from "../../src/supervision/actors.ts"
import { TestKit } from "../../src/testing/testKit.ts"

const words = Topic.make("words", { value: Schema.String, partitions: 3 })
const more = Topic.make("more", { value: Schema.Finite, partitions: 2 })

/** Appends each word to its key's row, so that a word that is applied twice, or out of order, shows. */
const projection = () => {
  const world = { created: 0 }
  const sentences = Projection.make("sentences", {
    inbox: [words, more],
    table: "sentences",
    create: (table) =>
      SqlClient.SqlClient.use((sql) => {
        world.created++
        return sql`CREATE TABLE ${sql(table)} (id text PRIMARY KEY, text text NOT NULL CHECK (text NOT LIKE '%forbidden%'))`
      }),
    apply: Effect.fnUntraced(function* (table, changes) {
      const sql = yield* SqlClient.SqlClient
      for (const { key, value } of changes) {
        const word = Option.match(value, { onNone: () => "-", onSome: String })
        yield* sql`INSERT INTO ${sql(table)} ${sql.insert({ id: key, text: word })}
          ON CONFLICT (id) DO UPDATE SET text = ${sql(table)}.text || ' ' || excluded.text`
      }
    })
  })
  return { world, sentences, topology: Topology.make("test", sentences) }
}

const table = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ id: string; text: string }>`SELECT id, text FROM sentences ORDER BY id`
  return Object.fromEntries(rows.map(({ id, text }) => [id, text]))
})

const story = <A, E>(
  name: string,
  body: (
    given: ReturnType<typeof projection>
  ) => Effect.Effect<A, E, TestKit | Kafka | SqlClient.SqlClient | Actors | EmbeddedBroker>
) =>
  it.effect(name, () => {
    const given = projection()
    return body(given).pipe(Effect.provide(TestKit.layer(given.topology)))
  })

/** As another program would write it: any bytes, any partition. */
const write = (key: string | null, value: string | null, headers: ReadonlyArray<Header> = [], partition = 0) =>
  Effect.scoped(
    Effect.gen(function* () {
      const utf8 = new TextEncoder()
      const bytes = (text: string | null) => (text === null ? null : utf8.encode(text))
      const producer = yield* (yield* Kafka).producer
      yield* producer.send([{ topic: "words", partition, key: bytes(key), value: bytes(value), headers, timestamp: 0 }])
    })
  )

const letters = Effect.gen(function* () {
  const kafka = yield* Kafka
  const found: Array<{ readonly value: string | null; readonly error: string; readonly offset: string }> = []
  const text = new TextDecoder()
  for (let partition = 0; partition < 3; partition++) {
    const at = { topic: "sentences.dead-letters", partition }
    const end = yield* kafka.topics.endOffset(at)
    for (let offset = 0; offset < end; offset++) {
      const record = Option.getOrUndefined(yield* kafka.read({ ...at, offset }))
      if (record === undefined) continue
      const header = (name: string) => text.decode(record.headers.find(([each]) => each === name)?.[1])
      found.push({
        value: record.value === null ? null : text.decode(record.value),
        error: header("sixfold-error"),
        offset: header("sixfold-source-offset")
      })
    }
  }
  return found
})

/** Once the replica has been started anew. */
const recovered = Effect.gen(function* () {
  const kit = yield* TestKit
  yield* kit.quiet
  yield* TestClock.adjust("1 minute")
  yield* kit.quiet
})

describe("a projection", () => {
  story("applies every record once and in the order of its key, over crashes at any batch", ({ sentences, world }) =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      for (const word of ["a", "b", "c", "d", "e"]) {
        for (const key of ["k", "l", "m", "n"]) yield* kit.send(words, key, word)
        yield* kit.crash(sentences)
        yield* kit.quiet
      }
      assert.deepStrictEqual(yield* table, { k: "a b c d e", l: "a b c d e", m: "a b c d e", n: "a b c d e" })
      assert.strictEqual(world.created, 1)
    })
  )

  story("leaves nothing of a batch whose transaction fails, and applies it when the trouble is over", () =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      yield* kit.send(words, "k", "a")
      yield* kit.quiet
      const sql = yield* SqlClient.SqlClient
      // Not for what the record says: the table is away.
      yield* sql`ALTER TABLE sentences RENAME TO elsewhere`
      yield* kit.send(words, "k", "b")
      yield* kit.quiet
      yield* sql`ALTER TABLE elsewhere RENAME TO sentences`
      yield* recovered
      assert.deepStrictEqual(yield* table, { k: "a b" })
      assert.deepStrictEqual(yield* letters, [])
    })
  )

  story(
    "makes a dead letter of the one record that the database refuses; the others of its batch are applied in order",
    () =>
      Effect.gen(function* () {
        const kit = yield* TestKit
        for (const word of ["a", "b", "forbidden", "c", "d"]) yield* write("k", JSON.stringify(word))
        yield* kit.quiet
        assert.deepStrictEqual(yield* table, { k: "a b c d" })
        const [letter, ...others] = yield* letters
        assert.deepStrictEqual(others, [])
        assert.strictEqual(letter!.value, '"forbidden"')
        assert.strictEqual(letter!.offset, "2")
      })
  )

  story("makes dead letters of what it cannot read, bytes untouched, and skips operators' records", () =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      yield* write("k", "{ no json")
      yield* write(null, '"no key"')
      yield* write("k", '{"op":"pause"}', commandHeaders("somebody"))
      yield* write("k", '"a"')
      yield* write("k", null)
      yield* kit.send(more, "k", 7)
      yield* kit.quiet
      const { k } = yield* table
      assert.sameMembers(k!.split(" "), ["a", "-", "7"])
      assert.isBelow(k!.indexOf("a"), k!.indexOf("-"))
      const found = yield* letters
      assert.deepStrictEqual(new Set(found.map(({ value }) => value)), new Set(['"no key"', "{ no json"]))
      assert.isTrue(found.every(({ error }) => error.startsWith("Undecodable")))
    })
  )

  story("takes its place from the database: the group's offsets may be gone", ({ sentences }) =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      for (const word of ["a", "b"]) yield* kit.send(words, "k", word)
      yield* kit.quiet
      const { control } = yield* EmbeddedBroker
      yield* control.forgetOffsets("sixfold.sentences")
      yield* kit.crash(sentences)
      yield* kit.send(words, "k", "c")
      yield* kit.quiet
      assert.deepStrictEqual(yield* table, { k: "a b c" })
    })
  )

  story("takes a partition back that another owner has claimed, and applies nothing twice", () =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      yield* kit.send(words, "k", "a")
      yield* kit.quiet
      const sql = yield* SqlClient.SqlClient
      yield* sql`UPDATE sixfold_offsets SET owner_no = owner_no + 1`
      yield* kit.send(words, "k", "b")
      yield* kit.quiet
      assert.deepStrictEqual(yield* table, { k: "a b" })
      const actors = yield* Actors
      assert.strictEqual(actors.status().find(({ name }) => name === "sentences")!.replicas[0]!.restarts, 0)
    })
  )

  story("goes no further when the log is another one than its rows were made from", ({ sentences }) =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      yield* kit.send(words, "k", "a")
      yield* kit.quiet
      const sql = yield* SqlClient.SqlClient
      yield* sql`UPDATE sixfold_offsets SET topic_id = 'another' WHERE topic = 'words'`
      yield* kit.crash(sentences)
      yield* kit.send(words, "k", "b")
      yield* recovered
      assert.deepStrictEqual(yield* table, { k: "a" })
      const actors = yield* Actors
      assert.strictEqual(actors.status().find(({ name }) => name === "sentences")!.replicas[0]!.state, "failed")
    })
  )

  it.effect("shares its partitions between replicas: every record once", () => {
    const { topology } = projection()
    return Effect.gen(function* () {
      const kit = yield* TestKit
      for (const word of ["a", "b", "c"]) {
        for (const key of ["k", "l", "m", "n", "o"]) yield* kit.send(words, key, word)
        yield* TestClock.adjust("5 seconds")
        yield* kit.quiet
      }
      const all = yield* table
      assert.deepStrictEqual(Object.values(all), ["a b c", "a b c", "a b c", "a b c", "a b c"])
    }).pipe(Effect.provide(TestKit.layer(topology, { scale: { sentences: 2 } })))
  })
})
