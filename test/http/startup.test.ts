import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { dial, exchange, head, serving, tag } from "./wire.ts"

/** A port that nobody listens at. */
const freePort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})

const listening = (port: number): Effect.Effect<void> =>
  Effect.flatMap(
    Effect.scoped(Effect.map(Effect.timeoutOption(dial(port), "50 millis"), (socket) => socket._tag === "Some")),
    (isOpen) => (isOpen ? Effect.void : listening(port))
  )

describe("a server that starts", () => {
  it.live("answers 503 until its routes are there, also to an upgrade, and never leaves a request hanging", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const ready = yield* Deferred.make<void>()
      const routes = HttpRouter.use((router) =>
        Effect.andThen(Deferred.await(ready), router.add("GET", "/here", HttpServerResponse.text("here")))
      )
      const started = yield* Effect.forkChild(serving(routes, { port }), { startImmediately: true })
      yield* listening(port)
      const early = yield* exchange(port, head(port, "GET", "/here"))
      assert.deepStrictEqual([early.status, tag(early)], [503, "Starting"])
      const upgrade = head(port, "GET", "/here").replace(
        "Connection: close",
        "Connection: Upgrade\r\nUpgrade: websocket"
      )
      assert.strictEqual((yield* exchange(port, upgrade)).status, 503)
      yield* Deferred.succeed(ready, undefined)
      yield* Fiber.join(started)
      const late = yield* exchange(port, head(port, "GET", "/here"))
      assert.deepStrictEqual([late.status, late.body], [200, "here"])
    })
  )
})

describe("a server that has all connections it may have", () => {
  it.live("closes one more at once, and takes another when one has gone", () =>
    Effect.gen(function* () {
      const routes = HttpRouter.add("GET", "/here", HttpServerResponse.text("here"))
      const { port } = yield* serving(routes, { limits: { connections: 1 } })
      const first = yield* dial(port)
      const [closed, over] = [yield* Deferred.make<void>(), yield* dial(port)]
      over.on("close", () => Deferred.doneUnsafe(closed, Effect.void)).resume()
      yield* Deferred.await(closed)
      first.destroy()
      const again = Effect.filterOrFail(exchange(port, head(port, "GET", "/here")), ({ status }) => status === 200)
      assert.strictEqual((yield* Effect.eventually(again)).body, "here")
    })
  )
})
