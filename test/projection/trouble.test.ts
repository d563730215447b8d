import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Logger, Option } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { random } from "../actors/import/random.ts"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import { EmbeddedBroker } from "../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { partitionId } from "../../src/kafka/records.ts"
import { readAll, text } from "../broker/clients.ts"
import { breathe, database, isPostgres } from "./database.ts"
import { sentences, start, table, words, write } from "./world.ts"

type Services = Kafka | EmbeddedBroker | SqlClient.SqlClient

const services = Layer.mergeAll(Embedded.layerMemory, database, Logger.layer([])).pipe(Layer.orDie)
const run = <A, E>(body: Effect.Effect<A, E, Services>) => Effect.provide(body, services)
const story = <A, E>(name: string, body: Effect.Effect<A, E, Services>) => it.effect(name, () => run(body))

const letters = Effect.gen(function* () {
  const kafka = yield* Kafka
  const [found] = yield* kafka.topics.describe([`${sentences.name}.dead-letters`])
  let count = 0
  for (let partition = 0; partition < found!.partitions; partition++) {
    const at = { topic: found!.name, partition }
    const end = yield* kafka.topics.endOffset(at)
    for (let offset = 0; offset < end; offset++) if (Option.isSome(yield* kafka.read({ ...at, offset }))) count++
  }
  return count
})

/** Somebody else's transaction, open until it lets go. */
const holding = Effect.fnUntraced(function* <E>(sql: SqlClient.SqlClient, lock: Effect.Effect<unknown, E>) {
  const [held, goOn] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
  const other = yield* Effect.forkChild(
    sql.withTransaction(Effect.andThen(lock, Effect.andThen(Deferred.succeed(held, undefined), Deferred.await(goOn))))
  )
  yield* Deferred.await(held)
  return Effect.andThen(Deferred.succeed(goOn, undefined), Fiber.join(other))
})

describe("a record that the database refuses", () => {
  story(
    "is a dead letter that says why it is refused, not only that it is",
    Effect.gen(function* () {
      const one = yield* start("one")
      yield* write("k", "a\0b")
      yield* one.quiet
      const at = { topic: `${sentences.name}.dead-letters`, partition: 0 }
      const [letter] = (yield* readAll([at])).get(partitionId(at.topic, at.partition))!
      const error = letter!.headers.find(([name]) => name === "sixfold-error")![1]
      assert.match(text(error), /^the database refuses it: .*(NUL|0x00)/)
      yield* one.stop
    })
  )
})

describe("a partition that is taken anew while a batch of it is on its way", () => {
  story(
    "is read on, each record once",
    Effect.gen(function* () {
      yield* write("k", "a")
      let polls = 0
      const one = yield* start("one", 1, (kafka) => ({
        ...kafka,
        reader: (options) =>
          Effect.map(kafka.reader(options), (reader) => ({
            ...reader,
            // The reader has been told to begin there once more, and there is more by then.
            poll: Effect.tap(reader.poll, ([batch]) =>
              batch!.topic === words.name && polls++ === 0
                ? Effect.andThen(
                    write("k", "b", "c").pipe(Effect.provideService(Kafka, kafka)),
                    reader.seek(batch!, batch!.fromOffset)
                  )
                : Effect.void
            )
          }))
      }))
      yield* one.quiet
      yield* write("k", "d")
      yield* one.quiet
      assert.deepStrictEqual(yield* table, { k: "a b c d" })
      yield* one.stop
    })
  )
})

describe("any log under any trouble", () => {
  it.effect("gives every word once and in order", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 15; seed++) {
        const next = random(seed)
        yield* run(
          Effect.gen(function* () {
            const { client, control } = yield* EmbeddedBroker
            const said = new Map<string, Array<string>>()
            let one = yield* start("one")
            for (let word = 0; word < 40; word++) {
              const key = `k${next(3)}`
              said.set(key, [...(said.get(key) ?? []), String(word)])
              yield* write(key, String(word))
              yield* Effect.repeat(Effect.yieldNow, { times: next(40) })
              switch (next(12)) {
                case 0:
                  yield* one.actors.crash(sentences.name)
                  break
                case 1:
                  yield* one.stop
                  one = yield* start("one")
                  break
                case 2:
                  yield* control.rebalance(`sixfold.${sentences.name}`)
                  break
                case 3:
                  yield* control.forgetOffsets(`sixfold.${sentences.name}`)
                  break
                case 4: {
                  // Requests of this process fail or go unanswered until it is healed.
                  const kinds = ["commit", "fetch", "topics", "join"]
                  yield* control.intercept(({ kind }) =>
                    Effect.sync(() =>
                      !kinds.includes(kind) || next(2) === 0 ? "pass" : next(2) === 0 ? "fail" : "lose"
                    )
                  )
                  yield* one.pass("6 seconds")
                  yield* control.heal
                  break
                }
                case 5:
                  yield* client("one").freeze
                  yield* Effect.repeat(Effect.yieldNow, { times: next(40) })
                  yield* client("one").thaw
                  break
                case 6:
                  yield* one.pass(`${1 + next(15)} seconds`)
                  break
              }
            }
            yield* one.quiet
            yield* one.pass("2 minutes")
            assert.deepStrictEqual(
              new Map(Object.entries(yield* table)),
              new Map([...said].map(([key, words]) => [key, words.join(" ")])),
              `seed ${seed}`
            )
            assert.strictEqual(yield* letters, 0, `seed ${seed}`)
            yield* one.stop
          })
        )
      }
    })
  )
})

const refuseAll = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  if (!isPostgres) {
    return yield* sql`CREATE TRIGGER refuse BEFORE INSERT ON sentences BEGIN SELECT RAISE(ABORT, 'refused'); END`
  }
  yield* sql`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$`
  return yield* sql`CREATE TRIGGER refuse BEFORE INSERT ON sentences FOR EACH ROW EXECUTE FUNCTION refuse()`
})

describe("a database in trouble", () => {
  // PostgreSQL has nothing that makes the sessions of others read-only.
  const inSqlite = isPostgres ? () => undefined : story
  inSqlite(
    "is waited for: nothing is a dead letter, and the table catches up",
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const one = yield* start("one")
      yield* write("k", "a")
      yield* one.quiet
      yield* sql`PRAGMA query_only = ON`
      yield* write("k", "b")
      yield* one.pass("3 minutes")
      assert.strictEqual(one.replica().state, "waiting")
      assert.match(one.replica().trouble!.cause, /readonly|read-only/i)
      yield* sql`PRAGMA query_only = OFF`
      yield* one.pass("3 minutes")
      assert.strictEqual(one.replica().state, "running")
      assert.deepStrictEqual(yield* table, { k: "a b" })
      assert.strictEqual(yield* letters, 0)
      yield* one.stop
    })
  )

  const inPostgres = isPostgres ? story : () => undefined
  inPostgres(
    "that ends all connections, again and again, gets every record once in the end",
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const one = yield* start("one")
      const endAll = sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()`
      const words = Array.from({ length: 40 }, (_, n) => String(n))
      for (const word of words) {
        yield* write("k", word)
        yield* Effect.repeat(breathe, { times: Number(word) % 4 })
        if (Number(word) % 3 === 0) yield* Effect.ignore(endAll)
      }
      yield* one.pass("10 minutes")
      yield* one.pass("10 minutes")
      assert.deepStrictEqual(yield* Effect.retry(table, { times: 5 }), { k: words.join(" ") })
      assert.strictEqual(yield* letters, 0)
      yield* one.stop
    })
  )

  story(
    "whose transaction somebody holds makes a stop wait, and lose nothing",
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const one = yield* start("one")
      yield* write("k", "a")
      yield* one.quiet
      const letGo = yield* holding(sql, Effect.void)
      yield* write("k", "b")
      yield* one.quiet
      const stopping = yield* Effect.forkChild(one.stop, { startImmediately: true })
      yield* Effect.repeat(Effect.yieldNow, { times: 100 })
      yield* letGo
      yield* Fiber.join(stopping)
      const again = yield* start("one")
      assert.deepStrictEqual(yield* table, { k: "a b" })
      yield* again.stop
    })
  )

  story(
    "whose transaction somebody holds is named after half a minute, for as long as it is held",
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const one = yield* start("one")
      yield* write("k", "a")
      yield* one.quiet
      const letGo = yield* holding(sql, isPostgres ? sql`LOCK TABLE sentences` : sql`SELECT 1`)
      yield* write("k", "b")
      yield* one.quiet
      const found = () => one.replica().partitions.flatMap(({ held }) => held ?? [])
      yield* TestClock.adjust("29 seconds")
      assert.deepStrictEqual(found(), [])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(found(), [
        {
          key: "sentences",
          by: "transaction",
          since: "1970-01-01T00:00:00.000Z",
          cause: "the database does not end the transaction on table sentences"
        }
      ])
      yield* letGo
      yield* one.quiet
      assert.deepStrictEqual(found(), [])
      assert.deepStrictEqual(yield* table, { k: "a b" })
      yield* one.stop
    })
  )

  story(
    "that refuses everything is not the records' fault: the projection fails with most of them unharmed",
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const one = yield* start("one")
      yield* write("k", "a")
      yield* one.quiet
      yield* refuseAll
      yield* write("k", ...Array.from({ length: 150 }, (_, n) => String(n)))
      yield* one.quiet
      assert.strictEqual(one.replica().state, "failed")
      assert.match(one.replica().trouble!.cause, /more than 100 records of one batch are refused/)
      assert.strictEqual(yield* letters, 100)
      yield* isPostgres ? sql`DROP TRIGGER refuse ON sentences` : sql`DROP TRIGGER refuse`
      yield* one.pass("10 minutes")
      assert.strictEqual((yield* table)["k"]!.split(" ").length, 51)
      yield* one.stop
    })
  )

  story(
    "that holds no text with a NUL, none of them does: such a record is a dead letter, in order, on each",
    Effect.gen(function* () {
      const one = yield* start("one")
      yield* write("k", "a", "b\0c", "d")
      yield* write("no\0key", "a")
      yield* one.quiet
      assert.deepStrictEqual(yield* table, { k: "a d" })
      assert.strictEqual(yield* letters, 2)
      yield* one.stop
    })
  )
})
