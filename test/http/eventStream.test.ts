import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Scope, Stream } from "effect"
import { HttpRouter } from "effect/http"
import { TestClock } from "effect/testing"
import { eventStream } from "../../src/http/eventStream.ts"
import type { ServerEvent } from "../../src/http/eventStream.ts"
import { listening } from "./events.ts"
import { serving } from "./wire.ts"

const serve = (events: Stream.Stream<ServerEvent>) =>
  serving(HttpRouter.add("GET", "/events", eventStream(events)), { drain: "1 hour" })

const numbered = (n: number) => ({ event: "n", data: { n } })
const endless = Stream.concat(Stream.make(numbered(1)), Stream.never)
/** The real world has a turn: sockets are read and written. */
const turnOfTheWorld = Effect.promise(() => new Promise((resume) => setImmediate(resume)))

/** More than any socket buffers; how much of it was taken, and its end. */
const flood = Effect.map(Deferred.make<void>(), (ended) => {
  let taken = 0
  const big = Effect.sync(() => ({ event: "big", data: `${taken++}`.padEnd(1_000_000) }))
  return {
    events: Stream.ensuring(Stream.forever(Stream.fromEffect(big)), Deferred.succeed(ended, undefined)),
    ended,
    /** Waits until nothing more fits between the source and its reader. */
    stuck: Effect.gen(function* () {
      for (let [still, last] = [0, -1]; still < 200; last = taken) {
        still = taken === last ? still + 1 : 0
        yield* turnOfTheWorld
      }
    })
  }
})

describe("a stream of events", () => {
  it.effect("comes at once, says when to come again, and that there is no more", () =>
    Effect.gen(function* () {
      const { port } = yield* serve(Stream.make(numbered(1), numbered(2)))
      const reader = yield* listening(port, "/events")
      yield* reader.closed
      assert.include(reader.text(), "content-type: text/event-stream")
      assert.match(reader.text(), /\nretry: \d{4}\n\n/)
      assert.deepStrictEqual(reader.events(), [numbered(1), numbered(2), { event: "end", data: { reason: "closed" } }])
    })
  )

  it.effect("shows every 15 seconds that it lives", () =>
    Effect.gen(function* () {
      const { port } = yield* serve(endless)
      const reader = yield* listening(port, "/events")
      yield* reader.until(1)
      assert.notInclude(reader.text(), "heartbeat")
      yield* TestClock.adjust("15 seconds")
      yield* reader.until(": heartbeat\n\n")
    })
  )

  it.effect("goes on for hours to a reader that reads", () =>
    Effect.gen(function* () {
      const { port } = yield* serve(endless)
      const reader = yield* listening(port, "/events")
      yield* reader.until(1)
      for (let hour = 0; hour < 3; hour++) yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(reader.events(), [numbered(1)])
      assert.isFalse(reader.socket.readableEnded)
    })
  )

  it.effect("ends when the server shuts down, which does not wait for it", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { port } = yield* Scope.provide(serve(endless), scope)
      const reader = yield* listening(port, "/events")
      yield* reader.until(1)
      yield* Scope.close(scope, Exit.void)
      yield* reader.closed
      assert.deepStrictEqual(reader.events().at(-1), { event: "end", data: { reason: "restart" } })
    })
  )

  it.effect("ends for a reader that stands still for 30 seconds, who finds why when it goes on", () =>
    Effect.gen(function* () {
      const { events, stuck } = yield* flood
      const { port } = yield* serve(events)
      const reader = yield* listening(port, "/events")
      yield* reader.until(1)
      reader.socket.pause()
      yield* stuck
      yield* TestClock.adjust("45 seconds")
      reader.socket.resume()
      yield* reader.closed
      const last = reader.events().at(-1)!
      assert.strictEqual(last.event, "end")
      assert.deepStrictEqual(last.data, { reason: "slow" })
    })
  )

  it.effect("is cut off from a reader that does not go on: after a minute its source is free", () =>
    Effect.gen(function* () {
      const { ended, events, stuck } = yield* flood
      const { port } = yield* serve(events)
      const reader = yield* listening(port, "/events")
      yield* reader.until(1)
      reader.socket.pause()
      yield* stuck
      yield* TestClock.adjust("75 seconds")
      yield* Deferred.await(ended)
      reader.socket.resume()
      yield* reader.closed
      assert.notStrictEqual(reader.events().at(-1)!.event, "end")
    })
  )

  it.effect("stops its source when its reader goes away", () =>
    Effect.gen(function* () {
      const ended = yield* Deferred.make<void>()
      const { port } = yield* serve(Stream.ensuring(endless, Deferred.succeed(ended, undefined)))
      const reader = yield* listening(port, "/events")
      yield* reader.until(1)
      reader.socket.destroy()
      yield* Deferred.await(ended)
    })
  )
})
