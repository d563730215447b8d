import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Deferred, Effect, Exit, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { paymentsLayer } from "../../../actors/renewals/payments-http.ts"
import { Payments } from "../../../actors/renewals/payments.ts"

interface Asked {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingMessage["headers"]
  readonly body: string
}

/** A payment service on a free port of 127.0.0.1 that does as it is told. */
const serving = Effect.fnUntraced(function* (respond: (response: ServerResponse, request: IncomingMessage) => void) {
  const asked: Array<Asked> = []
  const first = yield* Deferred.make<void>()
  const server = createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const { headers, method, url } = request
      asked.push({ method, url, headers, body: Buffer.concat(chunks).toString("utf8") })
      respond(response, request)
      Deferred.doneUnsafe(first, Effect.void)
    })
  })
  const port = yield* Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  )
  return { asked, first: Deferred.await(first), url: `http://127.0.0.1:${port}/charges?v=1` }
})

const configured = (url?: string) =>
  paymentsLayer.pipe(
    Layer.provide(
      Layer.succeed(
        ConfigProvider.ConfigProvider,
        ConfigProvider.fromEnv({ env: url === undefined ? {} : { SIXFOLD_PAYMENT_URL: url } })
      )
    )
  )

const charge = (url: string | undefined, key = "renewals/ada/due/2026-01-31T00:00:00.000Z") =>
  Effect.scoped(
    Effect.gen(function* () {
      const payments = yield* Payments
      return yield* payments.charge(key, "ada", 500, "EUR")
    }).pipe(Effect.provide(configured(url)))
  )

const answering = (status: number, headers: Record<string, string> = {}, body = "") =>
  serving((response) => response.writeHead(status, headers).end(body))

describe("the payment service over HTTP", () => {
  it.effect("is asked with the amount and the idempotency key", () =>
    Effect.gen(function* () {
      const { asked, url } = yield* answering(200, {}, `{"id":1}`)
      yield* charge(url)
      assert.strictEqual(asked.length, 1)
      const [{ body, headers, method, url: path }] = asked as [Asked]
      assert.deepStrictEqual([method, path, headers["content-type"]], ["POST", "/charges?v=1", "application/json"])
      assert.strictEqual(headers["idempotency-key"], "renewals/ada/due/2026-01-31T00:00:00.000Z")
      assert.deepStrictEqual(JSON.parse(body), { userId: "ada", amount: 500, currency: "EUR" })
    })
  )

  it.effect("gets a key that fits into a header, another one for every user", () =>
    Effect.gen(function* () {
      const { asked, url } = yield* answering(204)
      const keys = ["é", "%C3%A9", "a\r\nx: y", "ž\u0000", "\ud800", " a "]
      for (const key of keys) yield* charge(url, key)
      const sent = asked.map(({ headers }) => headers["idempotency-key"])
      assert.strictEqual(new Set(sent).size, keys.length)
      for (const key of sent) assert.match(String(key), /^[!-~]+$/)
    })
  )

  for (const status of [200, 201, 202, 204]) {
    it.effect(`has charged with ${status}`, () =>
      Effect.gen(function* () {
        yield* charge((yield* answering(status)).url)
      })
    )
  }

  for (const status of [400, 401, 402, 404, 409, 422]) {
    it.effect(`has declined with ${status}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(charge((yield* answering(status)).url))
        assert.deepInclude(error, { _tag: "Declined" })
      })
    )
  }

  for (const status of [408, 425, 429, 500, 502, 503, 504]) {
    it.effect(`may be asked again after ${status}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(charge((yield* answering(status)).url))
        assert.deepInclude(error, { _tag: "Unavailable" })
      })
    )
  }

  it.effect("is not followed elsewhere", () =>
    Effect.gen(function* () {
      const elsewhere = yield* answering(200)
      const { url } = yield* answering(307, { location: elsewhere.url })
      assert.deepInclude(yield* Effect.flip(charge(url)), { _tag: "Unavailable" })
      assert.deepStrictEqual(elsewhere.asked, [])
    })
  )

  for (const [text, expected] of [
    ["120", { retryAfter: 120 }],
    ["999999999", { retryAfter: 86_400 }]
  ] as const) {
    it.effect(`says when to come again: ${text}`, () =>
      Effect.gen(function* () {
        const { url } = yield* answering(503, { "retry-after": text })
        assert.deepInclude(yield* Effect.flip(charge(url)), expected)
      })
    )
  }

  for (const text of ["soon", "-1", "1e9", "Wed, 21 Oct 2026 07:28:00 GMT"]) {
    it.effect(`has said nothing with retry-after: ${text}`, () =>
      Effect.gen(function* () {
        const { url } = yield* answering(503, { "retry-after": text })
        assert.notProperty(yield* Effect.flip(charge(url)), "retryAfter")
      })
    )
  }

  it.effect("that never answers is given up after ten seconds", () =>
    Effect.gen(function* () {
      const { first, url } = yield* serving(() => undefined)
      const asking = yield* Effect.forkChild(Effect.exit(Effect.flip(charge(url))))
      yield* first
      yield* TestClock.adjust("9 seconds")
      assert.isUndefined(asking.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.deepInclude(
        Exit.getSuccess(yield* Fiber.join(asking)).pipe((it) => (it._tag === "Some" ? it.value : {})),
        {
          _tag: "Unavailable"
        }
      )
    })
  )

  it.effect("that answers nobody keeps none of those behind them waiting either, and has room again for the next", () =>
    Effect.gen(function* () {
      let isHeld = true
      const server = yield* serving((response) => {
        if (!isHeld) response.writeHead(200).end()
      })
      const payments = yield* Payments.pipe(Effect.provide(yield* Layer.build(configured(server.url))))
      const one = (n: number) => Effect.flip(payments.charge(`key-${n}`, "ada", 500, "EUR"))
      const all = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 200 }).keys(), one, { concurrency: "unbounded" }),
        { startImmediately: true }
      )
      while (server.asked.length < 64) yield* Effect.promise(() => new Promise((go) => setImmediate(go)))
      // Ten seconds for a place, and ten for an answer.
      yield* TestClock.adjust("10 seconds")
      yield* TestClock.adjust("10 seconds")
      assert.isDefined(all.pollUnsafe(), "somebody waits still")
      const failures = yield* Fiber.join(all)
      assert.deepStrictEqual([...new Set(failures.map(({ _tag }) => _tag))], ["Unavailable"])
      isHeld = false
      yield* payments.charge("key", "ada", 500, "EUR")
    })
  )

  it.effect("that breaks off in the middle of its answer may be asked again", () =>
    Effect.gen(function* () {
      const { url } = yield* serving((response) => {
        response.socket?.write("HTTP/1.1 20")
        response.socket?.destroy()
      })
      assert.deepInclude(yield* Effect.flip(charge(url)), { _tag: "Unavailable" })
    })
  )

  it.effect("that answers something else than HTTP may be asked again", () =>
    Effect.gen(function* () {
      const { url } = yield* serving((response) => response.socket?.end("220 smtp ready\r\n\r\n"))
      assert.deepInclude(yield* Effect.flip(charge(url)), { _tag: "Unavailable" })
    })
  )

  it.effect("has charged when its status says so, even if the rest of the answer is lost or endless", () =>
    Effect.gen(function* () {
      const broken = yield* serving((response) => {
        response.writeHead(200, { "content-length": "100" }).write("half")
        response.socket?.end()
      })
      yield* charge(broken.url)
      const endless = yield* serving((response) => {
        const pour = () => {
          while (!response.destroyed && response.write(Buffer.alloc(16_384)));
        }
        response.writeHead(200).on("drain", pour)
        pour()
      })
      yield* charge(endless.url)
    })
  )

  it.effect("that nobody runs may be asked again", () =>
    Effect.gen(function* () {
      const gone = yield* Effect.scoped(Effect.map(answering(200), ({ url }) => url))
      assert.deepInclude(yield* Effect.flip(charge(gone)), { _tag: "Unavailable" })
    })
  )

  it.effect("is left alone when the charge is interrupted", () =>
    Effect.gen(function* () {
      const closed = yield* Deferred.make<void>()
      const { first, url } = yield* serving((response) => {
        response.on("close", () => Deferred.doneUnsafe(closed, Effect.void))
      })
      const asking = yield* Effect.forkChild(charge(url))
      yield* first
      yield* Fiber.interrupt(asking)
      yield* Deferred.await(closed)
    })
  )
})

describe("without a payment service", () => {
  it.effect("the sandbox charges everything", () => charge(undefined))

  for (const url of ["nowhere", "ftp://example.com/", "http://ada:secret@example.com/"]) {
    it.effect(`nothing starts with ${url}`, () =>
      Effect.gen(function* () {
        assert.isTrue(Exit.isFailure(yield* Effect.exit(charge(url))))
      })
    )
  }
})
