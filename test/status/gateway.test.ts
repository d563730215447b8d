import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { KafkaError } from "../../src/kafka/errors.ts"
import { channelPartition } from "../../src/status/feed.ts"
import { connect, makeWorld } from "./world.ts"
import type { Client } from "./world.ts"

const event = (n: number, kind = "import") => ({ kind, n })
const numbers = (client: Client, count: number) =>
  Effect.map(Effect.replicateEffect(client.expect("status"), count), (frames) => frames.map(({ event }) => event["n"]))

describe("a channel", () => {
  it.effect("is given on connect and brings every status in order", () =>
    Effect.gen(function* () {
      const { report, start } = yield* makeWorld
      const { port } = yield* start()
      const client = yield* connect(port)
      assert.strictEqual(client.socket.protocol, "sixfold.v1")
      const { channel } = yield* client.expect("channel")
      yield* report({ channel, id: "a", event: event(1) }, { channel, id: "a", event: event(2) })
      yield* report({ channel: "another", id: "a", event: event(99) })
      yield* report({ channel, id: "b", event: event(3) })
      assert.deepStrictEqual(yield* numbers(client, 3), [1, 2, 3])
    })
  )

  it.effect("brings each status to everyone who follows it, until they do not", () =>
    Effect.gen(function* () {
      const { report, start } = yield* makeWorld
      const { port } = yield* start()
      const [one, two] = [yield* connect(port), yield* connect(port)]
      const { channel, token } = yield* one.expect("channel")
      yield* two.expect("channel")
      yield* two.send({ type: "subscribe", channel, token })
      yield* two.expect("subscribed")
      yield* report({ channel, id: "a", event: event(1) })
      assert.deepStrictEqual([yield* numbers(one, 1), yield* numbers(two, 1)], [[1], [1]])
      yield* two.send({ type: "unsubscribe", channel })
      yield* two.send("so that we know it has been read")
      yield* two.expect("error")
      yield* report({ channel, id: "a", event: event(2) })
      assert.deepStrictEqual(yield* numbers(one, 1), [2])
      assert.strictEqual(yield* two.arrived, 0)
    })
  )

  it.effect("goes on after a cursor with exactly what is missing, on another process too", () =>
    Effect.gen(function* () {
      const { report, start } = yield* makeWorld
      const first = yield* start({ name: "first" })
      const client = yield* connect(first.port)
      const { channel, token } = yield* client.expect("channel")
      for (let n = 0; n < 5; n++) yield* report({ channel, id: "a", event: event(n) })
      yield* client.expect("status")
      const { cursor } = yield* client.expect("status")
      yield* client.close
      yield* report({ channel, id: "a", event: event(5) })
      const second = yield* start({ name: "second" })
      const again = yield* connect(first.port)
      yield* again.expect("channel")
      yield* again.send({ type: "subscribe", channel, token, after: cursor })
      assert.strictEqual((yield* again.expect("subscribed")).channel, channel)
      assert.deepStrictEqual(yield* numbers(again, 4), [2, 3, 4, 5])
      yield* report({ channel, id: "a", event: event(6) })
      assert.deepStrictEqual(yield* numbers(again, 1), [6])
      const other = yield* connect(second.port)
      yield* other.expect("channel")
      yield* other.send({ type: "subscribe", channel, token, after: cursor })
      yield* other.expect("subscribed")
      assert.deepStrictEqual(yield* numbers(other, 5), [2, 3, 4, 5, 6])
    })
  )

  it.effect("without a cursor brings the newest of each kind and id, then what is new", () =>
    Effect.gen(function* () {
      const { report, start } = yield* makeWorld
      const { port } = yield* start()
      const client = yield* connect(port)
      const { channel, token } = yield* client.expect("channel")
      for (const [n, id] of ["a", "b", "a", "c/d", "b"].entries()) yield* report({ channel, id, event: event(n) })
      yield* report({ channel, id: "a", event: event(5, "order") })
      const late = yield* connect(port)
      yield* late.expect("channel")
      yield* late.send({ type: "subscribe", channel, token })
      yield* late.expect("subscribed")
      assert.deepStrictEqual(yield* numbers(late, 4), [2, 3, 4, 5])
      yield* report({ channel, id: "a", event: event(6) })
      assert.deepStrictEqual(yield* numbers(late, 1), [6])
    })
  )

  it.effect("left in the middle of the newest brings the rest of them, and nothing again", () =>
    Effect.gen(function* () {
      const { report, start } = yield* makeWorld
      const { port } = yield* start()
      const client = yield* connect(port)
      const { channel, token } = yield* client.expect("channel")
      for (const [n, id] of ["a", "b", "c"].entries()) yield* report({ channel, id, event: event(n) })
      const late = yield* connect(port)
      yield* late.expect("channel")
      yield* late.send({ type: "subscribe", channel, token })
      const { cursor: before } = yield* late.expect("subscribed")
      const first = yield* late.expect("status")
      const second = yield* late.expect("status")
      yield* late.close
      yield* report({ channel, id: "c", event: event(3) }, { channel, id: "a", event: event(4) })
      const resume = Effect.fnUntraced(function* (after: string, expected: Array<unknown>) {
        const again = yield* connect(port)
        yield* again.expect("channel")
        yield* again.send({ type: "subscribe", channel, token, after })
        yield* again.expect("subscribed")
        assert.deepStrictEqual(yield* numbers(again, expected.length), expected)
        yield* report({ channel, id: "z", event: event(9) })
        const { event: last } = yield* again.expect("status")
        assert.strictEqual(last["n"], 9)
      })
      yield* resume(before, [1, 3, 4])
      yield* resume(first.cursor, [1, 3, 4, 9])
      yield* resume(second.cursor, [3, 4, 9, 9])
    })
  )

  it.effect("whose cursor is older than the log brings a gap, and the newest", () =>
    Effect.gen(function* () {
      const { broker, report, start } = yield* makeWorld
      const { channels, port } = yield* start()
      const client = yield* connect(port)
      const { channel } = yield* client.expect("channel")
      yield* report({ channel, id: "a", event: event(1) })
      const { cursor } = yield* client.expect("status")
      yield* report({ channel, id: "a", event: event(2) })
      yield* TestClock.adjust("25 hours")
      yield* report({ channel, id: "b", event: event(3) })
      yield* broker.control.clean
      const { token } = yield* channels.grant(channel)
      const again = yield* connect(port)
      yield* again.expect("channel")
      yield* again.send({ type: "subscribe", channel, token, after: cursor })
      yield* again.expect("subscribed")
      yield* again.expect("gap")
      // How long the newest of "a" outlives its retention is the broker's affair.
      const first = yield* numbers(again, 1)
      assert.deepStrictEqual(first[0] === 2 ? yield* numbers(again, 1) : first, [3])
    })
  )

  it.effect("brings a gap, and the newest, when statuses could not be read for a while", () =>
    Effect.gen(function* () {
      const { broker, report, start } = yield* makeWorld
      const { port } = yield* start()
      const client = yield* connect(port)
      const { channel } = yield* client.expect("channel")
      const refused = { error: new KafkaError({ reason: "Refused", message: "no" }) }
      let isBroken = false
      yield* broker.control.intercept(({ client, kind, subjects }) => {
        if (isBroken || client !== "gateway" || kind !== "fetch" || !subjects.includes("status")) {
          return Effect.succeed("pass")
        }
        isBroken = true
        return Effect.as(Effect.orDie(report({ channel, id: "a", event: event(2) })), refused)
      })
      yield* report({ channel, id: "a", event: event(1) })
      yield* client.expect("gap")
      assert.deepStrictEqual(yield* numbers(client, 1), [2])
      yield* report({ channel, id: "a", event: event(3) })
      assert.deepStrictEqual(yield* numbers(client, 1), [3])
    })
  )

  it.effect("is not stopped by what is no status", () =>
    Effect.gen(function* () {
      const { broker, report, start } = yield* makeWorld
      const { port } = yield* start()
      const client = yield* connect(port)
      const { channel, token } = yield* client.expect("channel")
      yield* report({ channel, id: "a", event: event(1) })
      const producer = yield* broker.client("stranger").kafka.producer
      const partition = channelPartition(channel)
      for (const value of ["{", "[]", '"text"', "{}", null, "\xff"]) {
        for (const [topic, key] of [
          ["status", channel],
          ["status-latest", `${channel}/import/a`]
        ] as const) {
          const bytes = value === null ? null : Buffer.from(value, "latin1")
          yield* producer.send([{ topic, partition, key: Buffer.from(key), value: bytes, headers: [], timestamp: 0 }])
        }
      }
      yield* report({ channel, id: "b", event: event(2) })
      assert.deepStrictEqual(yield* numbers(client, 2), [1, 2])
      const late = yield* connect(port)
      yield* late.expect("channel")
      yield* late.send({ type: "subscribe", channel, token })
      yield* late.expect("subscribed")
      assert.deepStrictEqual(yield* numbers(late, 1), [2])
    })
  )
})

describe("a server that restarts", () => {
  it.effect("closes its sockets with 1012 and another hint for each", () =>
    Effect.gen(function* () {
      const { start } = yield* makeWorld
      const { port, stop } = yield* start()
      const clients = yield* Effect.replicateEffect(connect(port), 5)
      for (const client of clients) yield* client.expect("channel")
      yield* stop
      const closes = yield* Effect.forEach(clients, ({ closed }) => closed)
      assert.deepStrictEqual(
        closes.map(({ code }) => code),
        [1012, 1012, 1012, 1012, 1012]
      )
      const hints = closes.map(({ reason }) => (JSON.parse(reason) as { retry: number }).retry)
      for (const retry of hints) assert.isTrue(retry >= 500 && retry < 10_000)
      assert.isAbove(new Set(hints).size, 1)
    })
  )

  it.effect("does not wait for a client that is gone without a word", () =>
    Effect.gen(function* () {
      const { start } = yield* makeWorld
      const { port, stop } = yield* start()
      const client = yield* connect(port)
      yield* client.expect("channel")
      client.socket.pause()
      const stopped = yield* Effect.forkChild(stop, { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(stopped)))
    })
  )

  it.effect("knows its channels, tokens and cursors again", () =>
    Effect.gen(function* () {
      const { report, start } = yield* makeWorld
      const before = yield* start()
      const client = yield* connect(before.port)
      const { channel, token } = yield* client.expect("channel")
      yield* report({ channel, id: "a", event: event(1) })
      const { cursor } = yield* client.expect("status")
      yield* before.stop
      yield* report({ channel, id: "a", event: event(2) })
      const after = yield* start()
      const again = yield* connect(after.port)
      yield* again.expect("channel")
      yield* again.send({ type: "subscribe", channel, token, after: cursor })
      yield* again.expect("subscribed")
      assert.deepStrictEqual(yield* numbers(again, 1), [2])
    })
  )
})
