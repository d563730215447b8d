import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { ClientError, connect } from "../../src/client/index.ts"
import type { ConnectOptions } from "../../src/client/index.ts"
import { keys, makeWorld } from "../status/world.ts"
import { atOnce, failure, rejection, take } from "./scripted.ts"

const event = (n: number) => ({ kind: "import", n })
const status = (channel: string, n: number, id = "a") => ({ channel, id, event: event(n) })

const connected = (port: number, options: ConnectOptions = {}) =>
  Effect.acquireRelease(
    Effect.promise(() => connect(`http://127.0.0.1:${port}`, { backoff: atOnce, ...options })),
    (client) => Effect.sync(() => client.close())
  )

describe("a client of the gateway", () => {
  it.effect("reads what happens on its own channel, in order, also what came before it read", () =>
    Effect.gen(function* () {
      const { report, start } = yield* makeWorld
      const client = yield* connected((yield* start()).port)
      const { id } = client.channel
      yield* report(status(id, 1), status(id, 2))
      const updates = client.statuses()
      assert.deepStrictEqual(yield* take(updates, 2), [1, 2])
      yield* report(status(id, 3))
      assert.deepStrictEqual(yield* take(updates, 1), [3])
    })
  )

  it.effect("goes on where it stopped reading", () =>
    Effect.gen(function* () {
      const { report, start } = yield* makeWorld
      const client = yield* connected((yield* start()).port)
      const { id } = client.channel
      yield* report(status(id, 1), status(id, 2))
      const first = client.statuses()
      assert.deepStrictEqual(yield* take(first, 1), [1])
      yield* Effect.promise(() => first.return!())
      assert.deepStrictEqual(yield* take(first, 1), ["end"])
      const given = client.statuses()
      assert.deepStrictEqual(yield* take(given, 1), [2])
      // A reader that gives up waiting takes nothing with it.
      const waiting = given.next()
      yield* Effect.promise(() => given.return!())
      assert.isTrue((yield* Effect.promise(() => waiting)).done)
      yield* report(status(id, 3))
      assert.deepStrictEqual(yield* take(client.statuses(), 1), [3])
    })
  )

  it.effect("misses nothing and reads nothing twice over restarts of the server", () =>
    Effect.gen(function* () {
      const { report, start } = yield* makeWorld
      let server = yield* start()
      const { port } = server
      const client = yield* connected(port)
      const { id } = client.channel
      const updates = client.statuses()
      // The first restart comes before anything has happened on the channel: there is a cursor all the same.
      for (let n = 0; n < 9; n += 3) {
        yield* server.stop
        yield* report(status(id, n), status(id, n + 1))
        server = yield* start({ server: { port } })
        assert.deepStrictEqual(yield* take(updates, 2), [n, n + 1])
        yield* report(status(id, n + 2))
        assert.deepStrictEqual(yield* take(updates, 1), [n + 2])
      }
      assert.strictEqual(client.channel.id, id)
    })
  )

  it.effect("follows another's channel from the newest, and from a cursor", () =>
    Effect.gen(function* () {
      const { report, start } = yield* makeWorld
      const { port } = yield* start()
      const [one, two] = [yield* connected(port), yield* connected(port)]
      const { channel } = one
      yield* report(status(channel.id, 1), status(channel.id, 2), status(channel.id, 3, "b"))
      const newest = two.follow(channel)
      assert.deepStrictEqual(yield* take(newest, 2), [2, 3])
      yield* Effect.promise(() => newest.return!())
      const first = yield* Effect.promise(() => one.statuses().next())
      if (first.value?.type !== "status") return assert.fail("no status")
      const rest = two.follow({ ...channel, after: first.value.cursor })
      assert.deepStrictEqual(yield* take(rest, 2), [2, 3])
      yield* report(status(channel.id, 4), status(two.channel.id, 5))
      assert.deepStrictEqual(yield* take(rest, 1), [4])
      assert.deepStrictEqual(yield* take(two.statuses(), 1), [5])
    })
  )

  it.effect("that reads too slowly gets a gap and the newest, then what is new", () =>
    Effect.gen(function* () {
      const { report, start } = yield* makeWorld
      const { port } = yield* start()
      const [client, other] = [yield* connected(port, { buffer: 4 }), yield* connected(port)]
      const { id } = client.channel
      const also = client.follow(other.channel)
      // Once the other channel's has come, over the same socket, what was reported before has come as well.
      const reported = Effect.fnUntraced(function* (...numbers: ReadonlyArray<number>) {
        for (const n of numbers) yield* report(status(id, n, n % 2 === 0 ? "even" : "odd"))
        yield* report(status(other.channel.id, 0))
        yield* take(also, 1)
      })
      const updates = client.statuses()
      yield* reported(0, 1, 2, 3)
      assert.deepStrictEqual(yield* take(updates, 4), [0, 1, 2, 3])
      yield* reported(4, 5, 6, 7, 8)
      yield* reported(9, 10)
      assert.deepStrictEqual(yield* take(updates, 3), ["gap", 9, 10])
      yield* report(status(id, 11))
      assert.deepStrictEqual(yield* take(updates, 1), [11])
    })
  )

  it.effect("is told that a channel is unknown, a token expired or forged, a cursor another's; the others go on", () =>
    Effect.gen(function* () {
      const { report, start } = yield* makeWorld
      const { port } = yield* start()
      const [one, two] = [yield* connected(port), yield* connected(port)]
      yield* report(status(two.channel.id, 1))
      const update = yield* Effect.promise(() => two.statuses().next())
      const after = update.value?.type === "status" ? update.value.cursor : ""
      const { id, token } = two.channel
      for (const [channel, reason] of [
        [{ id: "unknown", token }, "UnknownChannel"],
        [{ id, token: one.channel.token }, "BadToken"],
        [{ id, token, after: `${after.slice(1)}A` }, "BadCursor"]
      ] as const) {
        const error = yield* failure(one.follow(channel))
        assert.instanceOf(error, ClientError)
        assert.strictEqual(error.reason, reason)
      }
      yield* report(status(one.channel.id, 2))
      assert.deepStrictEqual(yield* take(one.statuses(), 1), [2])
      yield* TestClock.adjust("25 hours")
      const error = yield* failure((yield* connected(port)).follow({ id, token }))
      assert.strictEqual((error as ClientError).reason, "ExpiredToken")
    })
  )

  it.effect("whose server forgot its channels is told so, instead of waiting for ever", () =>
    Effect.gen(function* () {
      const { start } = yield* makeWorld
      const first = yield* start({ keys: keys(1) })
      const client = yield* connected(first.port)
      yield* first.stop
      yield* start({ keys: keys(2), server: { port: first.port } })
      assert.strictEqual(((yield* failure(client.statuses())) as ClientError).reason, "UnknownChannel")
    })
  )

  it.effect("hands its token over", () =>
    Effect.gen(function* () {
      const { report, start } = yield* makeWorld
      const token = "tökens may be any text: 0123456789"
      const { port } = yield* start({ server: { token: Redacted.make(token) } })
      const client = yield* connected(port, { token })
      yield* report(status(client.channel.id, 1))
      assert.deepStrictEqual(yield* take(client.statuses(), 1), [1])
      const refused = yield* rejection(() =>
        connect(`http://127.0.0.1:${port}`, { token: "wrong", backoff: atOnce, patience: 50 })
      )
      assert.strictEqual((refused as ClientError).reason, "Unreachable")
    })
  )
})
