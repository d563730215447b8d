import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Logger, References, Scope, Stream } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { uploadBody } from "../../src/http/body.ts"
import { Draining } from "../../src/http/draining.ts"
import { Readiness } from "../../src/http/readiness.ts"
import { answer, dial, exchange, head, serving } from "./wire.ts"

describe("a server that shuts down", () => {
  it.effect("tells those who hold connections, and lets a request under way end", () =>
    Effect.gen(function* () {
      const [begun, drained] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const slow = Effect.gen(function* () {
        yield* Deferred.succeed(begun, undefined)
        yield* Deferred.await(drained)
        return HttpServerResponse.text("to the end")
      })
      const hold = Layer.effectDiscard(
        Effect.gen(function* () {
          const draining = yield* Draining
          yield* Effect.forkScoped(Effect.andThen(draining.begun, Deferred.succeed(drained, undefined)))
        })
      )
      const scope = yield* Scope.make()
      const { port } = yield* Scope.provide(
        serving(Layer.merge(hold, HttpRouter.add("GET", "/slow", slow)), { drain: "1 hour" }),
        scope
      )
      const socket = yield* dial(port)
      const answered = yield* Effect.forkChild(answer(socket), { startImmediately: true })
      socket.write(head(port, "GET", "/slow"))
      yield* Deferred.await(begun)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(answered)).body, "to the end")
    })
  )

  it.live("does not wait for a client that asks again and again over one connection", () =>
    Effect.gen(function* () {
      const [begun, scope] = [yield* Deferred.make<void>(), yield* Scope.make()]
      // Answers while the server closes already.
      const slow = Effect.gen(function* () {
        yield* Deferred.succeed(begun, undefined)
        yield* Effect.sleep("50 millis")
        return HttpServerResponse.text("here")
      })
      const { port } = yield* Scope.provide(serving(HttpRouter.add("GET", "/", slow), { drain: "1 hour" }), scope)
      const socket = yield* dial(port)
      const ask = () => socket.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`)
      socket.on("data", ask)
      ask()
      yield* Deferred.await(begun)
      yield* Scope.close(scope, Exit.void)
    })
  )

  it.effect("does not wait for ever, says for whom it waits, and interrupts what is left", () => {
    const logged: Array<unknown> = []
    const logging = Logger.layer([
      Logger.make(({ fiber, message }) => {
        logged.push([message, fiber.getRef(References.CurrentLogAnnotations)].flat())
      })
    ])
    return Effect.gen(function* () {
      const [begun, ended] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const stuck = Effect.onInterrupt(Effect.andThen(Deferred.succeed(begun, undefined), Effect.never), () =>
        Deferred.succeed(ended, undefined)
      )
      const scope = yield* Scope.make()
      const { port } = yield* Scope.provide(
        serving(HttpRouter.add("GET", "/stuck", stuck), { drain: "8 seconds" }),
        scope
      )
      const socket = yield* dial(port)
      socket.write(head(port, "GET", "/stuck"))
      yield* Deferred.await(begun)
      const closed = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(logged, [["still answering requests", { requests: 1, oldest: "GET /stuck" }]])
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(closed)
      yield* Deferred.await(ended)
      yield* TestClock.adjust("1 minute")
      assert.lengthOf(logged, 1)
    }).pipe(Effect.provide(logging))
  })
})

describe("an upload when the server shuts down", () => {
  const begin = Effect.gen(function* () {
    const begun = yield* Deferred.make<void>()
    const take = Effect.gen(function* () {
      const body = yield* uploadBody({ contentType: "text/csv" })
      yield* Deferred.succeed(begun, undefined)
      yield* Stream.runDrain(body)
      return HttpServerResponse.text("whole")
    })
    const scope = yield* Scope.make()
    const { port } = yield* Scope.provide(serving(HttpRouter.add("POST", "/upload", take), { drain: "1 hour" }), scope)
    const socket = yield* dial(port)
    const answered = yield* Effect.forkChild(answer(socket), { startImmediately: true })
    socket.write(head(port, "POST", "/upload", "Content-Type: text/csv", "Content-Length: 10") + "12345")
    yield* Deferred.await(begun)
    const closed = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
    return { answered, closed, socket }
  })

  it.effect("is cut when it brings nothing: a stop does not wait for it", () =>
    Effect.gen(function* () {
      const { answered, closed } = yield* begin
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(closed)
      assert.strictEqual((yield* Fiber.join(answered)).status, 408)
    })
  )

  it.effect("is taken to its end when it goes on", () =>
    Effect.gen(function* () {
      const { answered, closed, socket } = yield* begin
      yield* TestClock.adjust("500 millis")
      socket.write("67890")
      const { body } = yield* Fiber.join(answered)
      assert.strictEqual(body, "whole")
      yield* Fiber.join(closed)
    })
  )
})

describe("readiness", () => {
  const get = (port: number, path: string) => exchange(port, head(port, "GET", path))

  it.effect("names every reason against, while the process is live", () =>
    Effect.gen(function* () {
      const { context, port } = yield* serving(Layer.empty)
      const { register } = yield* Effect.provideContext(Readiness, context)
      assert.strictEqual((yield* get(port, "/health/ready")).body, '{"ready":true}')
      const scope = yield* Scope.make()
      yield* Scope.provide(register("site-config", Effect.succeed("12 records behind")), scope)
      yield* register("fine", Effect.succeed(undefined))
      yield* Scope.provide(register("broken", Effect.die("x")), scope)
      const unready = yield* get(port, "/health/ready")
      assert.strictEqual(unready.status, 503)
      assert.deepStrictEqual(JSON.parse(unready.body), {
        error: "NotReady",
        message: "site-config: 12 records behind; broken: check failed",
        reasons: [
          { name: "site-config", reason: "12 records behind" },
          { name: "broken", reason: "check failed" }
        ]
      })
      assert.strictEqual((yield* get(port, "/health/live")).status, 200)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* get(port, "/health/ready")).status, 200)
    })
  )

  it.effect("takes no answer for a reason", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const { context, port } = yield* serving(Layer.empty)
      const { register } = yield* Effect.provideContext(Readiness, context)
      yield* register("stuck", Effect.andThen(Deferred.succeed(asked, undefined), Effect.never))
      const answered = yield* Effect.forkChild(get(port, "/health/ready"), { startImmediately: true })
      yield* Deferred.await(asked)
      yield* TestClock.adjust("1 second")
      assert.include((yield* Fiber.join(answered)).body, "stuck: no answer")
    })
  )
})
