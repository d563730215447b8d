import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schema } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { jsonBody } from "../../src/http/body.ts"
import { KafkaError } from "../../src/kafka/errors.ts"
import { exchange, head, serving, tag } from "./wire.ts"

const json = (body: unknown) => HttpServerResponse.jsonUnsafe(body)

const routes = Layer.mergeAll(
  HttpRouter.add("GET", "/things", json(["a"])),
  HttpRouter.add("PUT", "/things/:id", Effect.map(jsonBody(Schema.Struct({ size: Schema.Number })), json)),
  HttpRouter.add("POST", "/things/:id/paint", json("painted")),
  HttpRouter.add("GET", "/broken", Effect.die(new Error("the password is hunter2"))),
  HttpRouter.add("GET", "/away", Effect.fail(new KafkaError({ reason: "Unavailable", message: "b1:9092" }))),
  HttpRouter.add("GET", "/odd", Effect.fail({ secret: "hunter2" })),
  HttpRouter.add("GET", "/page", HttpServerResponse.text("<p>", { contentType: "text/html" }))
)

const put = (port: number, body: string, ...lines: ReadonlyArray<string>) =>
  exchange(port, head(port, "PUT", "/things/1", `Content-Length: ${body.length}`, ...lines) + body)
const typed = "Content-Type: application/json"

describe("a request", () => {
  it.effect("of the same origin, or of no browser, is served", () =>
    Effect.gen(function* () {
      const { port } = yield* serving(routes)
      assert.strictEqual((yield* exchange(port, head(port, "GET", "/things"))).body, '["a"]')
      const own = `Origin: http://127.0.0.1:${port}`
      const answer = yield* put(port, '{"size":1}', typed, own, "Sec-Fetch-Site: same-origin")
      assert.deepStrictEqual([answer.status, answer.body], [200, '{"size":1}'])
    })
  )

  it.effect.each([
    "evil.example",
    "evil.example:80",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "127.0.0.1@evil.example",
    "10.0.0.1",
    "",
    "[::2]"
  ])("that names another host (%s) is refused: its page would be of our origin", (host) =>
    Effect.gen(function* () {
      const { port } = yield* serving(routes)
      const answer = yield* exchange(port, `GET /things HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
      assert.deepStrictEqual([answer.status, tag(answer)], [403, "ForeignHost"])
    })
  )

  it.effect.each(["localhost", "LOCALHOST:1", "127.0.0.1", "127.9.9.9:80", "[::1]:80", "app.example.com"])(
    "that names us (%s) is served",
    (host) =>
      Effect.gen(function* () {
        const { port } = yield* serving(routes, { allowOrigins: ["https://app.example.com"] })
        const answer = yield* exchange(port, `GET /things HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
        assert.strictEqual(answer.status, 200)
      })
  )

  it.effect("with two Host headers, or another host in its first line, is refused", () =>
    Effect.gen(function* () {
      const { port } = yield* serving(routes)
      const twice = yield* exchange(port, head(port, "GET", "/things", "Host: evil.example"))
      assert.notStrictEqual(twice.status, 200)
      const absolute = yield* exchange(port, head(port, "GET", "http://evil.example/things"))
      assert.deepStrictEqual([absolute.status, tag(absolute)], [403, "ForeignHost"])
    })
  )

  it.effect.each([
    ["Origin: http://evil.example"],
    ["Origin: null"],
    ["Origin: http://127.0.0.1:1"],
    ["Origin: https://app.example.com.evil.example"],
    ["Sec-Fetch-Site: cross-site"],
    ["Sec-Fetch-Site: same-site"],
    ["Origin: http://evil.example", "Sec-Fetch-Site: same-origin"]
  ])("that a foreign page makes the browser write (%j) is refused", (lines) =>
    Effect.gen(function* () {
      const { port } = yield* serving(routes, { allowOrigins: ["https://app.example.com"] })
      const answer = yield* put(port, '{"size":1}', typed, ...lines)
      assert.deepStrictEqual([answer.status, tag(answer)], [403, "ForeignOrigin"])
      const empty = yield* exchange(port, head(port, "POST", "/things/1/paint", ...lines))
      assert.strictEqual(empty.status, 403)
    })
  )

  it.effect("of an allowed origin may write, is told so beforehand, and may be read there", () =>
    Effect.gen(function* () {
      const { port } = yield* serving(routes, { allowOrigins: ["https://app.example.com"] })
      const origin = "Origin: https://app.example.com"
      const asked = yield* exchange(
        port,
        head(port, "OPTIONS", "/things/1", origin, "Access-Control-Request-Method: PUT")
      )
      assert.deepStrictEqual(
        [asked.status, asked.headers.get("access-control-allow-origin")],
        [204, "https://app.example.com"]
      )
      const answer = yield* put(port, '{"size":1}', typed, origin, "Sec-Fetch-Site: cross-site")
      assert.deepStrictEqual(
        [answer.status, answer.headers.get("access-control-allow-origin")],
        [200, "https://app.example.com"]
      )
      const other = yield* exchange(port, head(port, "OPTIONS", "/things/1", "Origin: https://other.example"))
      assert.isUndefined(other.headers.get("access-control-allow-origin"))
    })
  )

  it.effect("of an allowed origin asks beforehand without the token, which a browser never adds to that", () =>
    Effect.gen(function* () {
      const options = { allowOrigins: ["https://app.example.com"], token: Redacted.make("sesame") }
      const { port } = yield* serving(routes, options)
      const wanted = "Access-Control-Request-Method: PUT"
      const asked = yield* exchange(port, head(port, "OPTIONS", "/things/1", "Origin: https://app.example.com", wanted))
      assert.deepStrictEqual(
        [asked.status, asked.headers.get("access-control-allow-headers")?.includes("authorization")],
        [204, true]
      )
      const other = yield* exchange(port, head(port, "OPTIONS", "/things/1", "Origin: https://other.example", wanted))
      assert.strictEqual(other.status, 401)
    })
  )

  it.effect("of an allowed origin may read why it was refused, or has failed", () =>
    Effect.gen(function* () {
      const options = { allowOrigins: ["https://app.example.com"], token: Redacted.make("sesame") }
      const { port } = yield* serving(routes, options)
      const [origin, token] = ["Origin: https://app.example.com", "Authorization: Bearer sesame"]
      const answers = [
        yield* exchange(port, head(port, "GET", "/things", origin)),
        yield* exchange(port, head(port, "GET", "/nowhere", origin, token)),
        yield* exchange(port, head(port, "GET", "/away", origin, token)),
        yield* put(port, "{", typed, origin, token)
      ]
      assert.deepStrictEqual(
        answers.map(({ headers, status }) => [status, headers.get("access-control-allow-origin")]),
        [401, 404, 503, 400].map((status) => [status, "https://app.example.com"])
      )
    })
  )

  it.effect.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonp",
    "application/json; charset=utf-16",
    'application/json;CHARSET="ISO-8859-1"',
    ""
  ])("with a body of another type (%s) is refused", (type) =>
    Effect.gen(function* () {
      const { port } = yield* serving(routes)
      const answer = yield* put(port, '{"size":1}', ...(type === "" ? [] : [`Content-Type: ${type}`]))
      assert.deepStrictEqual([answer.status, tag(answer)], [415, "UnsupportedMediaType"])
    })
  )

  it.effect.each(["application/json; charset=UTF-8", 'Application/JSON;charset="us-ascii"', "application/json; v=1"])(
    "with JSON as UTF-8 (%s) is taken",
    (type) =>
      Effect.gen(function* () {
        const { port } = yield* serving(routes)
        assert.notStrictEqual((yield* put(port, '{"size":1}', `Content-Type: ${type}`)).status, 415)
      })
  )

  it.effect("with a compressed body is refused before it is read", () =>
    Effect.gen(function* () {
      const { port } = yield* serving(routes)
      const answer = yield* put(port, "x", typed, "Content-Encoding: gzip")
      assert.deepStrictEqual([answer.status, tag(answer)], [415, "CompressedBody"])
      const coded = ["Content-Type: application/json", "Transfer-Encoding: gzip, chunked"]
      const other = yield* exchange(port, `${head(port, "PUT", "/things/1", ...coded)}a\r\n{"size":1}\r\n0\r\n\r\n`)
      assert.deepStrictEqual([other.status, tag(other)], [415, "CompressedBody"])
    })
  )

  it.effect("with JSON that is too long, broken or of another shape is refused, and says what was wrong", () =>
    Effect.gen(function* () {
      const { port } = yield* serving(routes, { limits: { json: 100 } })
      const long = yield* put(port, `{"size":1,"x":"${"x".repeat(200)}"}`, typed)
      assert.deepStrictEqual([long.status, tag(long)], [413, "BodyTooLarge"])
      const chunked = head(port, "PUT", "/things/1", typed, "Transfer-Encoding: chunked")
      const stream = yield* exchange(port, `${chunked}c8\r\n${"x".repeat(200)}\r\n0\r\n\r\n`)
      assert.deepStrictEqual([stream.status, tag(stream)], [413, "BodyTooLarge"])
      const broken = yield* put(port, '{"size":', typed)
      assert.deepStrictEqual([broken.status, tag(broken)], [400, "InvalidRequest"])
      const other = yield* put(port, '{"size":"large"}', typed)
      assert.strictEqual(other.status, 400)
      assert.include(other.body, "size")
    })
  )

  it.effect("too many of one client are refused until it has waited", () =>
    Effect.gen(function* () {
      const { port } = yield* serving(routes, { limits: { requestsPerClient: 2 } })
      const get = exchange(port, head(port, "GET", "/things"))
      yield* get
      yield* get
      const refused = yield* get
      assert.deepStrictEqual([refused.status, tag(refused)], [429, "TooManyRequests"])
      yield* TestClock.adjust("500 millis")
      assert.strictEqual((yield* get).status, 200)
    })
  )
})

describe("the token", () => {
  const token = Redacted.make("s3cret")
  it.effect("is needed for everything but health, pages and docs", () =>
    Effect.gen(function* () {
      const { port } = yield* serving(routes, { token })
      const get = (path: string, ...lines: ReadonlyArray<string>) => exchange(port, head(port, "GET", path, ...lines))
      assert.deepStrictEqual([(yield* get("/things")).status, tag(yield* get("/things"))], [401, "Unauthorized"])
      assert.strictEqual((yield* get("/nothing")).status, 401)
      assert.strictEqual((yield* get("//things")).status, 401)
      assert.strictEqual((yield* get("/health/live")).status, 200)
      assert.strictEqual((yield* get("/docs")).status, 200)
      assert.strictEqual((yield* get("/things", "Authorization: Bearer s3cret")).status, 200)
      assert.strictEqual((yield* get("/things", "authorization: bearer s3cret")).status, 200)
    })
  )

  it.effect.each(["Bearer wrong", "Bearer s3cre", "Bearer s3cret2", "Bearer", "Basic s3cret", "s3cret", "Bearer "])(
    "is not %j",
    (given) =>
      Effect.gen(function* () {
        const { port } = yield* serving(routes, { token })
        const answer = yield* exchange(port, head(port, "GET", "/things", `Authorization: ${given}`))
        assert.strictEqual(answer.status, 401)
      })
  )

  it.effect("in a sub-protocol counts for an upgrade only", () =>
    Effect.gen(function* () {
      const { port } = yield* serving(routes, { token })
      const bearer = `Sec-WebSocket-Protocol: sixfold.v1, sixfold.bearer.${Buffer.from("s3cret").toString("base64url")}`
      assert.strictEqual((yield* exchange(port, head(port, "GET", "/things", bearer))).status, 401)
    })
  )

  it.effect("must be there before anything but loopback is bound", () =>
    Effect.gen(function* () {
      for (const host of ["0.0.0.0", "::", "10.0.0.1", "app.example.com", "127.0.0.1.example.com"]) {
        const error = yield* Effect.flip(serving(routes, { host }))
        assert.strictEqual(error._tag, "UnsafeBinding")
      }
      const { port } = yield* serving(routes, { host: "0.0.0.0", token })
      assert.strictEqual(
        (yield* exchange(port, head(port, "GET", "/things", "Authorization: Bearer s3cret"))).status,
        200
      )
    })
  )
})

describe("a failure", () => {
  it.effect("is JSON, says nothing of the inside, and tells an unknown path from a wrong method", () =>
    Effect.gen(function* () {
      const { port } = yield* serving(routes)
      const get = (path: string) => exchange(port, head(port, "GET", path))
      const broken = yield* Effect.provide(get("/broken"), Layer.empty)
      assert.deepStrictEqual([broken.status, tag(broken)], [500, "Internal"])
      assert.notInclude(broken.body, "hunter2")
      const odd = yield* get("/odd")
      assert.deepStrictEqual([odd.status, tag(odd)], [500, "Internal"])
      assert.notInclude(odd.body, "hunter2")
      const away = yield* get("/away")
      assert.deepStrictEqual([away.status, tag(away)], [503, "Unavailable"])
      assert.notInclude(away.body, "9092")
      const missing = yield* get("/nothing?x=1")
      assert.deepStrictEqual([missing.status, tag(missing)], [404, "NotFound"])
      const wrong = yield* exchange(port, head(port, "DELETE", "/things"))
      assert.deepStrictEqual([wrong.status, tag(wrong), wrong.headers.get("allow")], [405, "MethodNotAllowed", "GET"])
      const bad = yield* get("/things/%zz/paint")
      assert.include([400, 404, 405], bad.status)
      assert.isString(tag(bad))
    })
  )

  it.effect("and a page carry the headers that keep a browser from harm", () =>
    Effect.gen(function* () {
      const { port } = yield* serving(routes)
      for (const path of ["/page", "/nothing"]) {
        const { headers } = yield* exchange(port, head(port, "GET", path))
        const policy = headers.get("content-security-policy") ?? ""
        assert.includeMembers(policy.split("; "), ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"])
        assert.notMatch(policy, /unsafe|\*|https?:/)
        assert.strictEqual(headers.get("x-content-type-options"), "nosniff")
        assert.strictEqual(headers.get("referrer-policy"), "no-referrer")
      }
    })
  )
})
