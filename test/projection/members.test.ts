import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Logger, Scope } from "effect"
import type { Context } from "effect"
import type { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { Topology } from "../../src/index.ts"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import { EmbeddedBroker } from "../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { identify } from "../../src/projection/identity.ts"
import { Sqlite } from "../../src/projection/index.ts"
import * as Supervision from "../../src/supervision/layer.ts"
import type { LayerOptions } from "../../src/supervision/layer.ts"
import { database } from "./database.ts"
import { sentences } from "./world.ts"

const topology = Topology.make("test", sentences)

/** A process that keeps its tables in this database, until it is stopped. */
const start = Effect.fnUntraced(function* (
  instance: string,
  sql: Context.Context<SqlClient.SqlClient>,
  name: string,
  options: LayerOptions = {}
) {
  const { client } = yield* EmbeddedBroker
  const scope = yield* Scope.make()
  const { crash, kafka } = client(instance)
  const identity = Effect.provideContext(identify(name), sql)
  const running = Supervision.layer(topology, { instance, members: true, database: identity, ...options }).pipe(
    Layer.provide(Layer.succeed(Kafka, kafka)),
    Layer.provide(Layer.succeedContext(sql))
  )
  const stop = Scope.close(scope, Exit.void)
  yield* Effect.onError(Layer.buildWithScope(running, scope), () => stop)
  return { crash, stop }
})

const one = Layer.build(database)
const other = Layer.build(Sqlite.layer(":memory:"))
const refusal = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), (error) => {
    assert.propertyVal(error, "_tag", "OtherDatabase")
    return (error as { readonly message: string }).message
  })

const story = <A, E>(name: string, body: Effect.Effect<A, E, EmbeddedBroker | Kafka | Scope.Scope>) =>
  it.effect(name, () => Effect.provide(Effect.scoped(body), [Embedded.layerMemory, Logger.layer([])]))

describe("a process of an application whose tables are in a database", () => {
  story(
    "is not joined by one with another database: both are named",
    Effect.gen(function* () {
      yield* start("a", yield* one, "PostgreSQL at db:5432/shop")
      const message = yield* refusal(start("b", yield* other, "SQLite in /data"))
      assert.include(message, "SQLite in /data, process a of the same application in PostgreSQL at db:5432/shop")
    })
  )

  story(
    "is joined by one that reaches the same database by another name, and by other applications",
    Effect.gen(function* () {
      const sql = yield* one
      yield* start("a", sql, "PostgreSQL at db:5432/shop")
      yield* start("b", sql, "PostgreSQL at db.example:5432/shop")
      yield* start("c", yield* other, "SQLite in /data", { app: "another" })
    })
  )

  story(
    "is joined by one that has no table and shows none",
    Effect.gen(function* () {
      yield* start("a", yield* one, "PostgreSQL at db:5432/shop")
      yield* start("b", yield* other, "SQLite in /data", { scale: { sentences: 0 } })
    })
  )

  story(
    "makes room when it stops, and half a minute after it was killed",
    Effect.gen(function* () {
      const [first, second, third] = [yield* one, yield* other, yield* other]
      const stopped = yield* start("a", first, "one")
      yield* stopped.stop
      const killed = yield* start("b", second, "two")
      yield* killed.crash
      yield* refusal(start("c", third, "three"))
      yield* TestClock.adjust("31 seconds")
      yield* start("c", third, "three")
    })
  )
})

it.effect("a database is known by an id that it keeps", () =>
  Effect.gen(function* () {
    const [first, again] = [yield* identify("one"), yield* identify("two")]
    assert.strictEqual(first.id, again.id)
    assert.match(first.id, /^[0-9a-f]{32}$/)
    const together = yield* Effect.all([identify("a"), identify("b")], { concurrency: "unbounded" })
    assert.deepStrictEqual(
      together.map(({ id }) => id),
      [first.id, first.id]
    )
  }).pipe(Effect.provide(database))
)
