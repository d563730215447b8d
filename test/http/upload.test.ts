import type { RequestRefused } from "../../src/http/problem.ts"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Queue, Schema, Stream } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { jsonBody, uploadBody } from "../../src/http/body.ts"
import { answer, dial, exchange, head, serving, tag } from "./wire.ts"

const csv = "Content-Type: text/csv"

/** Takes an upload in pieces; what came of each is told to the test. */
const receiving = Effect.gen(function* () {
  const ended = yield* Queue.unbounded<Exit.Exit<number, unknown>>()
  const begun = yield* Queue.unbounded<void>()
  const receive = Effect.gen(function* () {
    const body = yield* uploadBody({ contentType: "text/csv" })
    yield* Queue.offer(begun, undefined)
    return yield* Stream.runFold(
      body,
      () => 0,
      (bytes, chunk) => bytes + chunk.length
    )
  })
  const route = Effect.map(
    Effect.onExit(receive, (exit) => Queue.offer(ended, exit)),
    (bytes) => HttpServerResponse.jsonUnsafe({ bytes })
  )
  return { begun, ended, routes: HttpRouter.add("POST", "/upload", route) }
})

describe("an upload", () => {
  it.effect("arrives whole, with a declared length and chunked", () =>
    Effect.gen(function* () {
      const { routes } = yield* receiving
      const { port } = yield* serving(routes)
      const body = "a,b\n".repeat(100_000)
      const declared = yield* exchange(
        port,
        head(port, "POST", "/upload", csv, `Content-Length: ${body.length}`) + body
      )
      assert.deepStrictEqual([declared.status, declared.body], [200, `{"bytes":${body.length}}`])
      const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
      const chunked = yield* exchange(port, head(port, "POST", "/upload", csv, "Transfer-Encoding: chunked") + chunk)
      assert.deepStrictEqual([chunked.status, chunked.body], [200, `{"bytes":${body.length}}`])
    })
  )

  it.effect.each([
    ["a declared length", "Content-Length: 1000", "x".repeat(500)],
    ["a declared length, one byte short", "Content-Length: 1000", "x".repeat(999)],
    ["chunks, in the middle of one", "Transfer-Encoding: chunked", `3e8\r\n${"x".repeat(500)}`],
    ["chunks, after a whole one", "Transfer-Encoding: chunked", `5\r\nxxxxx\r\n`],
    ["chunks, before the last line", "Transfer-Encoding: chunked", `5\r\nxxxxx\r\n0\r\n`]
  ] as const)("that breaks off (%s) is never taken for whole", ([, length, part]) =>
    Effect.gen(function* () {
      const { begun, ended, routes } = yield* receiving
      const { port } = yield* serving(routes)
      for (const die of ["destroy", "resetAndDestroy", "end"] as const) {
        const socket = yield* dial(port)
        socket.write(head(port, "POST", "/upload", csv, length) + part)
        yield* Queue.take(begun)
        socket[die]()
        assert.isTrue(Exit.isFailure(yield* Queue.take(ended)), die)
      }
    })
  )

  it.effect("that is no chunk is an error for the route", () =>
    Effect.gen(function* () {
      const { ended, routes } = yield* receiving
      const { port } = yield* serving(routes)
      const socket = yield* dial(port)
      socket.write(`${head(port, "POST", "/upload", csv, "Transfer-Encoding: chunked")}5\r\nxxxxx\r\nzz\r\n`)
      assert.isTrue(Exit.isFailure(yield* Queue.take(ended)))
    })
  )

  it.effect("over the limit is refused, at once where it says so", () =>
    Effect.gen(function* () {
      const { begun, routes } = yield* receiving
      const { port } = yield* serving(routes, { limits: { upload: 1000 } })
      const declared = yield* exchange(port, head(port, "POST", "/upload", csv, "Content-Length: 1001"))
      assert.deepStrictEqual([declared.status, yield* Queue.size(begun)], [413, 0])
      const chunk = `3e9\r\n${"x".repeat(1001)}\r\n0\r\n\r\n`
      const chunked = yield* exchange(port, head(port, "POST", "/upload", csv, "Transfer-Encoding: chunked") + chunk)
      assert.deepStrictEqual([chunked.status, tag(chunked)], [413, "BodyTooLarge"])
    })
  )

  it.effect("of another type is refused, also of one that other routes take", () =>
    Effect.gen(function* () {
      const { routes } = yield* receiving
      const { port } = yield* serving(routes)
      const refused = yield* exchange(
        port,
        `${head(port, "POST", "/upload", "Content-Type: application/json", "Content-Length: 2")}{}`
      )
      assert.strictEqual(refused.status, 415)
    })
  )

  it.effect("that goes silent is given up; one that we have not read yet is not", () =>
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      const begun = yield* Deferred.make<void>()
      const slow = Effect.gen(function* () {
        const body = yield* uploadBody({ contentType: "text/csv" })
        yield* Deferred.succeed(begun, undefined)
        yield* Stream.runForEach(body, () => Deferred.await(go))
        return HttpServerResponse.text("read")
      })
      const { begun: received, routes } = yield* receiving
      const { port } = yield* serving(Layer.merge(routes, HttpRouter.add("POST", "/slow", slow)))
      const ours = yield* dial(port)
      const oursAnswered = yield* Effect.forkChild(answer(ours), { startImmediately: true })
      ours.write(head(port, "POST", "/slow", csv, "Content-Length: 1000000") + "x".repeat(500_000))
      yield* Deferred.await(begun)
      const theirs = yield* dial(port)
      const theirsAnswered = yield* Effect.forkChild(answer(theirs), { startImmediately: true })
      theirs.write(`${head(port, "POST", "/upload", csv, "Content-Length: 10")}x`)
      yield* Queue.take(received)
      for (let seconds = 0; seconds < 60; seconds += 5) yield* TestClock.adjust("5 seconds")
      const silent = yield* Fiber.join(theirsAnswered)
      assert.deepStrictEqual([silent.status, tag(silent)], [408, "BodyIdle"])
      yield* Deferred.succeed(go, undefined)
      ours.write("x".repeat(500_000))
      assert.strictEqual((yield* Fiber.join(oursAnswered)).status, 200)
    })
  )

  it.effect("of JSON that goes silent is told so, too", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const put = Effect.gen(function* () {
        yield* Deferred.succeed(begun, undefined)
        return HttpServerResponse.jsonUnsafe(yield* jsonBody(Schema.String))
      })
      const { port } = yield* serving(HttpRouter.add("PUT", "/word", put))
      const json = head(port, "PUT", "/word", "Content-Type: application/json", "Content-Length: 10")
      const socket = yield* dial(port)
      const answered = yield* Effect.forkChild(answer(socket), { startImmediately: true })
      socket.write(`${json}"`)
      yield* Deferred.await(begun)
      for (let seconds = 0; seconds < 60; seconds += 5) yield* TestClock.adjust("5 seconds")
      const silent = yield* Fiber.join(answered)
      assert.deepStrictEqual([silent.status, tag(silent)], [408, "BodyIdle"])
    })
  )

  it.effect("of JSON has a minute for all of it, however it trickles in", () =>
    Effect.gen(function* () {
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => {
          controller.enqueue(Uint8Array.of(32))
          return controller.desiredSize === null ? undefined : new Promise<void>(() => {})
        }
      })
      const headers = { "content-type": "application/json" }
      const init = { method: "PUT", body, headers, duplex: "half" }
      const request = HttpServerRequest.fromWeb(new Request("http://127.0.0.1/word", init))
      const read = yield* Effect.forkChild(
        Effect.flip(Effect.provideService(jsonBody(Schema.String), HttpServerRequest.HttpServerRequest, request))
      )
      yield* TestClock.adjust("59 seconds")
      assert.isUndefined(read.pollUnsafe())
      yield* TestClock.adjust("2 seconds")
      const { message, reason } = yield* Fiber.join(read) as Effect.Effect<RequestRefused>
      assert.deepStrictEqual([reason, message], ["BodyIdle", "the body came too slowly"])
    })
  )

  it.effect("is the fifth of a client at most once one of four has ended", () =>
    Effect.gen(function* () {
      const { begun, ended, routes } = yield* receiving
      const { port } = yield* serving(routes)
      const request = head(port, "POST", "/upload", csv, "Content-Length: 3")
      const sockets = yield* Effect.forEach([1, 2, 3, 4], () => dial(port))
      for (const socket of sockets) {
        socket.write(`${request}x`)
        yield* Queue.take(begun)
      }
      const refused = yield* exchange(port, `${request}xxx`)
      assert.deepStrictEqual([refused.status, tag(refused)], [429, "TooManyUploads"])
      yield* Queue.takeAll(ended)
      sockets[0]!.destroy()
      yield* Queue.take(ended)
      assert.strictEqual((yield* exchange(port, `${request}xxx`)).status, 200)
    })
  )

  it.effect("comes no faster than it is read", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const stuck = Effect.gen(function* () {
        const body = yield* uploadBody({ contentType: "text/csv" })
        yield* Stream.runForEach(body, () => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never))
        return HttpServerResponse.empty()
      })
      const { port } = yield* serving(HttpRouter.add("POST", "/stuck", stuck))
      const socket = yield* dial(port)
      socket.write(head(port, "POST", "/stuck", csv, "Content-Length: 200000000"))
      const piece = Buffer.alloc(1024 * 1024)
      // Until the kernel's buffers are full: a server that read on would take all of it.
      const pushed = yield* Effect.callback<number>((resume) => {
        let written = 0
        const push = () => {
          while (written < 150) {
            written++
            if (!socket.write(piece)) break
          }
          if (written === 150) resume(Effect.succeed(written))
          // Nothing drained over many turns of the loop: it is held back.
          let turns = 0
          const wait = () => {
            if (socket.writableNeedDrain && ++turns < 2_000) setImmediate(wait)
            else if (socket.writableNeedDrain) resume(Effect.succeed(written))
            else push()
          }
          wait()
        }
        push()
      })
      yield* Deferred.await(begun)
      assert.isBelow(pushed, 50)
    })
  )
})
