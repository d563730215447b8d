import { Context, Duration, Effect, Exit, Layer, Option, Schema, Scope } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { Topic, Topology } from "../../src/index.ts"
import { EmbeddedBroker } from "../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import type { ProducerRecord } from "../../src/kafka/records.ts"
import { Projection } from "../../src/projection/index.ts"
import { commandHeaders } from "../../src/runtime/control.ts"
import { Actors } from "../../src/supervision/actors.ts"
import * as Supervision from "../../src/supervision/layer.ts"
import { breathe } from "./database.ts"

export const words = Topic.make("words", { value: Schema.String, partitions: 2 })

/** One row for each key: all its words in the order applied, so that one too many, too few or out of order shows. */
export const sentences = Projection.make("sentences", {
  inbox: words,
  table: "sentences",
  create: (table) =>
    SqlClient.SqlClient.use((sql) =>
      Effect.andThen(
        sql`CREATE TABLE ${sql(table)} (id text PRIMARY KEY, text text NOT NULL)`,
        sql`CREATE INDEX ${sql(`${table}_by_text`)} ON ${sql(table)} (text)`
      )
    ),
  apply: Effect.fnUntraced(function* (table, changes) {
    const sql = yield* SqlClient.SqlClient
    for (const { key, value } of changes) {
      const word = Option.getOrElse(value, () => "-")
      yield* sql`INSERT INTO ${sql(table)} ${sql.insert({ id: key, text: word })}
        ON CONFLICT (id) DO UPDATE SET text = ${sql(table)}.text || ' ' || excluded.text`
    }
  })
})

export const topology = Topology.make("test", sentences)

export const table = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ id: string; text: string }>`SELECT id, text FROM sentences ORDER BY id`
  return Object.fromEntries(rows.map(({ id, text }) => [id, text]))
})

const utf8 = new TextEncoder()
const word = (key: string, value: string, partition = 0): ProducerRecord => ({
  topic: words.name,
  partition,
  key: utf8.encode(key),
  value: utf8.encode(JSON.stringify(value)),
  headers: [],
  timestamp: 0
})

/** Writes to partition 0, as another program would. */
export const write = (key: string, ...values: ReadonlyArray<string>) => writeTo(0, key, ...values)

export const writeTo = (partition: number, key: string, ...values: ReadonlyArray<string>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const kafka = yield* Kafka
      yield* kafka.topics.ensure([words.spec])
      yield* (yield* kafka.producer).send(values.map((value) => word(key, value, partition)))
    })
  )

/** What no row can be made of. */
export const writeNoise = (text: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const producer = yield* (yield* Kafka).producer
      yield* producer.send([{ ...word("k", ""), value: utf8.encode(text) }])
    })
  )

/** What an operator of some actor of the topic writes. */
export const writeControl = (key: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const producer = yield* (yield* Kafka).producer
      yield* producer.send([{ ...word(key, ""), headers: commandHeaders("somebody") }])
    })
  )

/** Words in a transaction: its marker follows the records. */
export const writeTransaction = (key: string, ...values: ReadonlyArray<string>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const kafka = yield* Kafka
      yield* kafka.topics.ensure([words.spec])
      const transactor = yield* kafka.transactor({ transactionalId: "another program" })
      yield* transactor.commit({ records: values.map((value) => word(key, value)) })
    })
  )

/** Until only the clock can move the process. */
export const quiet = Effect.fnUntraced(function* ({ busy, progress }: Actors["Service"]) {
  for (let [still, calm, last] = [0, 0, -1]; still < 500 && calm < 3; still++) {
    calm = (yield* busy) ? 0 : calm + 1
    const now = progress()
    if (now !== last) still = 0
    last = now
    yield* breathe
  }
})

const step = 5_000

/** A process of its own on the broker, by way of `wrap`, and on the database that are there. */
export const start = Effect.fnUntraced(function* (
  client: string,
  replicas: number = 1,
  wrap: (kafka: Kafka["Service"]) => Kafka["Service"] = (kafka) => kafka
) {
  const { client: clientOf } = yield* EmbeddedBroker
  const scope = yield* Scope.make()
  const { crash, freeze, kafka, thaw } = clientOf(client)
  const running = Supervision.layer(topology, { instance: client, scale: { sentences: replicas } }).pipe(
    Layer.provide(Layer.succeed(Kafka, wrap(kafka))),
    Layer.orDie
  )
  const actors = Context.get(yield* Layer.buildWithScope(running, scope), Actors)
  yield* quiet(actors)
  return {
    actors,
    quiet: quiet(actors),
    /** In steps, so that the clock does not overtake a statement of a database that is another process. */
    pass: Effect.fnUntraced(function* (time: Duration.Input) {
      for (let left = Duration.toMillis(time); left > 0; left -= step) {
        yield* TestClock.adjust(Math.min(left, step))
        yield* quiet(actors)
      }
    }),
    replicas: () => actors.status().find(({ name }) => name === sentences.name)!.replicas,
    replica: () => actors.status().find(({ name }) => name === sentences.name)!.replicas[0]!,
    stop: Scope.close(scope, Exit.void),
    freeze,
    thaw,
    crash
  }
})
