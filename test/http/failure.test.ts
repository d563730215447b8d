import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, Schema } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { SqlClient, SqlError } from "effect/sql"
import { Sqlite } from "../../src/projection/index.ts"
import { answer, dial, exchange, head, serving, tag } from "./wire.ts"

const own = Schema.decodeUnknownEffect(Schema.Struct({ size: Schema.Finite }))
const sql = (statement: string) => SqlClient.SqlClient.use((sql) => sql.unsafe(statement))
const failing = (reason: SqlError.SqlErrorReason) => Effect.fail(new SqlError.SqlError({ reason }))
const state = (code: string) => failing(new SqlError.UnknownError({ cause: { code } }))

const routes = Layer.mergeAll(
  HttpRouter.add("GET", "/things/:id", HttpServerResponse.text("a thing")),
  HttpRouter.add("GET", "/row", Effect.as(Effect.orDie(own({ size: "large" })), HttpServerResponse.empty())),
  HttpRouter.add("GET", "/no-table", Effect.as(sql("SELECT 1 FROM missing"), HttpServerResponse.empty())),
  HttpRouter.add("GET", "/no-column", Effect.as(sql("SELECT missing FROM sqlite_schema"), HttpServerResponse.empty())),
  HttpRouter.add("GET", "/away", failing(new SqlError.ConnectionError({ cause: "10.0.0.1:5432 is away" }))),
  HttpRouter.add("GET", "/locked", failing(new SqlError.LockTimeoutError({ cause: "locked" }))),
  HttpRouter.add("GET", "/stopping", state("57P01")),
  HttpRouter.add("GET", "/no-table-there", failing(new SqlError.SqlSyntaxError({ cause: { code: "42P01" } }))),
  HttpRouter.add("GET", "/wrong", failing(new SqlError.SqlSyntaxError({ cause: { code: "42703" } })))
)
const server = Effect.gen(function* () {
  const services = yield* Layer.build(Layer.merge(Sqlite.layer(":memory:"), Logger.layer([])))
  return (yield* Effect.provideContext(serving(routes), services)).port
})
const get = (port: number, path: string) => exchange(port, head(port, "GET", path))

describe("a route that fails", () => {
  it.effect.each(["/away", "/locked", "/stopping"])(
    "for a database that does not answer (%s) says when to come again",
    (path) =>
      Effect.gen(function* () {
        const answer = yield* get(yield* server, path)
        assert.deepStrictEqual(
          [answer.status, tag(answer), answer.headers.get("retry-after")],
          [503, "Unavailable", "1"]
        )
        assert.notInclude(answer.body, "10.0.0.1")
      })
  )

  it.effect.each(["/no-table", "/no-table-there"])(
    "for a table that its projection has not made yet (%s) says so",
    (path) =>
      Effect.gen(function* () {
        const answer = yield* get(yield* server, path)
        assert.deepStrictEqual(
          [answer.status, tag(answer), answer.headers.get("retry-after")],
          [503, "NotProjected", "1"]
        )
      })
  )

  it.effect.each(["/row", "/no-column", "/wrong"])("for a mistake of ours (%s) is not the client's fault", (path) =>
    Effect.gen(function* () {
      const answer = yield* get(yield* server, path)
      assert.deepStrictEqual([answer.status, tag(answer)], [500, "Internal"])
    })
  )
})

describe("a request that is none", () => {
  const sent = (text: string) => Effect.flatMap(server, (port) => exchange(port, text))

  it.effect.each([
    ["GET /things/1 HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n", 400, "InvalidRequest"],
    ["\r\n\x00\x01\x02\r\n\r\n", 400, "InvalidRequest"],
    ["GET /things/1 HTTP/1.1\r\nConnection: close\r\n\r\n", 403, "ForeignHost"],
    [`GET /things/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, 431, "HeadersTooLarge"],
    [`GET /${"x".repeat(20_000)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`, 431, "HeadersTooLarge"],
    [
      "POST /things/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      400,
      "InvalidRequest"
    ],
    ["GET /things/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nExpect: tea\r\n\r\n", 417, "ExpectationFailed"]
  ] as const)("%j is refused as all else is", ([text, status, reason]) =>
    Effect.gen(function* () {
      const answer = yield* sent(text)
      assert.deepStrictEqual([answer.status, tag(answer)], [status, reason])
      assert.strictEqual(answer.headers.get("content-type"), "application/json")
    })
  )

  it.effect("and comes while an answer is under way ends the connection, never in the middle of that answer", () =>
    Effect.gen(function* () {
      const { port } = yield* serving(HttpRouter.add("GET", "/slow", Effect.never))
      const socket = yield* dial(port)
      const answered = yield* Effect.forkChild(answer(socket), { startImmediately: true })
      socket.write(head(port, "GET", "/slow").replace("Connection: close\r\n", "") + "nonsense\r\n\r\n")
      assert.strictEqual((yield* Fiber.join(answered)).body, "")
    })
  )

  it.effect.each(["/things/%00", "/things/a%00b?x=1", "/things/a?after=%00"])(
    "%s is refused: no text of ours has a NUL",
    (path) =>
      Effect.gen(function* () {
        const answer = yield* get(yield* server, path)
        assert.deepStrictEqual([answer.status, tag(answer)], [400, "InvalidRequest"])
      })
  )
})
