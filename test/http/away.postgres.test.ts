import { assert, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { HttpRouter } from "effect/http"
import { SqlClient } from "effect/sql"
import { json } from "../../src/http/json.ts"
import { Postgres } from "../../src/projection/postgres.ts"
import { startPostgres } from "../projection/postgres-server.ts"
import { exchange, head, serving, tag } from "./wire.ts"

const one = HttpRouter.add(
  "GET",
  "/one",
  Effect.map(
    SqlClient.SqlClient.use((sql) => sql`SELECT 1 AS one`),
    (rows) => json(rows)
  )
)

it.live("a database that is away is told with 503, and asked again when it is back", () =>
  Effect.gen(function* () {
    const server = yield* Effect.acquireRelease(Effect.promise(startPostgres), ({ end }) => Effect.promise(end))
    const services = yield* Layer.build(Layer.merge(Postgres.layer(server.url), Logger.layer([])))
    const { port } = yield* Effect.provideContext(serving(one), services)
    const get = exchange(port, head(port, "GET", "/one"))
    assert.strictEqual((yield* get).status, 200)
    yield* Effect.promise(server.stop)
    for (let times = 0; times < 3; times++) {
      const away = yield* get
      assert.deepStrictEqual([away.status, tag(away), away.headers.get("retry-after")], [503, "Unavailable", "1"])
    }
    yield* Effect.promise(server.start)
    assert.strictEqual((yield* get).status, 200)
  })
)
