import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger } from "effect"
import type { Scope } from "effect"
import { HttpServer } from "effect/http"
import type { HttpRouter } from "effect/http"
import { SqlClient } from "effect/sql"
import { Readiness } from "../../src/http/readiness.ts"
import * as Server from "../../src/http/server.ts"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import type { EmbeddedBroker } from "../../src/kafka/embedded/embedded.ts"
import type { Kafka } from "../../src/kafka/kafka.ts"
import { Sqlite } from "../../src/projection/index.ts"
import { Actors } from "../../src/supervision/actors.ts"
import * as Supervision from "../../src/supervision/layer.ts"
import { exchange, head, tag } from "../http/wire.ts"
import { quiet, table, topology, write } from "./world.ts"

const services = Layer.mergeAll(Embedded.layerMemory, Sqlite.layer(":memory:"), Logger.layer([])).pipe(Layer.orDie)

/** A whole process with its gateway; asks it. */
const process = Effect.gen(function* () {
  let port = 0
  const running = Supervision.layer(topology, {
    gateway: (routes) =>
      Server.layer(Layer.mergeAll(...(routes as unknown as [Layer.Layer<never, never, HttpRouter.HttpRouter>])), {
        host: "127.0.0.1",
        port: 0,
        drain: 0
      }).pipe(
        Layer.tap((context) =>
          Effect.sync(() => {
            const { address } = Context.get(context, HttpServer.HttpServer)
            port = "port" in address ? address.port : 0
          })
        ),
        Layer.provide(Readiness.layer)
      )
  })
  const actors = Context.get(yield* Layer.build(running), Actors)
  yield* quiet(actors)
  const ask = (method: string, path: string) => exchange(port, head(port, method, path))
  const get = Effect.map(ask("GET", "/projections/sentences"), ({ body }) => JSON.parse(body) as Shown)
  return { actors, ask, get }
})

interface Shown {
  readonly name: string
  readonly lag: number
  readonly rebuild: { readonly state: string; readonly done: number; readonly total: number } | null
}

const story = <A, E>(
  name: string,
  body: Effect.Effect<A, E, Kafka | EmbeddedBroker | SqlClient.SqlClient | Scope.Scope>
) => it.effect(name, () => Effect.provide(body, services))

describe("/projections/{name}", () => {
  story(
    "shows the lag, and a rebuild to its end",
    Effect.gen(function* () {
      yield* write("k", "a", "b")
      const { actors, ask, get } = yield* process
      assert.deepStrictEqual(yield* get, { name: "sentences", lag: 0, rebuild: null })
      yield* SqlClient.SqlClient.use((sql) => sql`UPDATE sentences SET text = 'spoiled'`)
      assert.strictEqual((yield* ask("POST", "/projections/sentences/rebuild")).status, 202)
      let shown = yield* get
      while (shown.rebuild?.state === "running") shown = yield* get
      assert.deepStrictEqual(shown, { name: "sentences", lag: 0, rebuild: { state: "done", done: 2, total: 2 } })
      assert.deepStrictEqual(yield* table, { k: "a b" })
      yield* write("k", "c")
      yield* quiet(actors)
      assert.deepStrictEqual(yield* table, { k: "a b c" })
    })
  )

  story(
    "cures one that has failed for its table's sake, which then goes on at once",
    Effect.gen(function* () {
      yield* write("k", "a")
      const { actors, ask, get } = yield* process
      const state = Effect.sync(() => actors.status().find(({ name }) => name === "sentences")!.state)
      const untilIs = (wanted: string) =>
        Effect.andThen(
          Effect.repeat(Effect.andThen(Effect.yieldNow, state), { until: (now) => now === wanted, times: 20_000 }),
          Effect.map(state, (now) => assert.strictEqual(now, wanted))
        )
      yield* SqlClient.SqlClient.use((sql) => sql`UPDATE sixfold_offsets SET cluster_id = 'another'`)
      yield* actors.restart("sentences")
      yield* untilIs("failed")
      yield* ask("POST", "/projections/sentences/rebuild")
      let shown = yield* get
      while (shown.rebuild?.state === "running") shown = yield* get
      assert.strictEqual(shown.rebuild?.state, "done")
      yield* untilIs("running")
      yield* write("k", "b")
      yield* quiet(actors)
      assert.deepStrictEqual(yield* table, { k: "a b" })
    })
  )

  story(
    "says when a rebuild has failed: the table is as it was, and the next rebuild may do",
    Effect.gen(function* () {
      yield* write("k", "a")
      const { ask, get } = yield* process
      const sql = yield* SqlClient.SqlClient
      // In the way of a shadow's index.
      yield* sql`CREATE INDEX sentences_rebuild_by_text ON sixfold_offsets (topic)`
      yield* ask("POST", "/projections/sentences/rebuild")
      let shown = yield* get
      while (shown.rebuild?.state === "running") shown = yield* get
      assert.strictEqual(shown.rebuild?.state, "failed")
      assert.deepStrictEqual(yield* table, { k: "a" })
      yield* sql`DROP INDEX sentences_rebuild_by_text`
      yield* ask("POST", "/projections/sentences/rebuild")
      while ((shown = yield* get).rebuild?.state === "running");
      assert.strictEqual(shown.rebuild?.state, "done")
    })
  )

  story(
    "knows no other names, actors' neither",
    Effect.gen(function* () {
      const { ask } = yield* process
      for (const name of ["nobody", "gateway", "%20", "sentences%2Frebuild"]) {
        for (const answer of [
          yield* ask("GET", `/projections/${name}`),
          yield* ask("POST", `/projections/${name}/rebuild`)
        ]) {
          assert.strictEqual(answer.status, 404, name)
          assert.strictEqual(tag(answer), "UnknownProjection", name)
        }
      }
    })
  )
})
