import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { exchange, head, tag } from "../http/wire.ts"
import { connect, keys, makeWorld } from "./world.ts"
import type { Client } from "./world.ts"

const event = (n: number) => ({ kind: "import", n })

/** The answer to each frame must be this error, and the socket must go on working. */
const refused = Effect.fnUntraced(function* (client: Client, frame: unknown, error: string) {
  yield* client.send(frame)
  assert.strictEqual((yield* client.expect("error")).error, error)
})

const stillWorks = Effect.fnUntraced(function* (client: Client, channel: string, token: string) {
  yield* client.send({ type: "subscribe", channel, token })
  assert.strictEqual((yield* client.expect("subscribed")).channel, channel)
})

/** Every character but that at `index` as it was. */
const altered = (text: string, index: number) =>
  text.slice(0, index) + (text[index] === "A" ? "B" : "A") + text.slice(index + 1)

describe("an id, token or cursor", () => {
  it.effect("that was never given out is refused, whatever is changed in it", () =>
    Effect.gen(function* () {
      const { report, start } = yield* makeWorld
      const { port } = yield* start({ limits: { framesPerSecond: 10_000 } })
      const client = yield* connect(port)
      const { channel, token } = yield* client.expect("channel")
      yield* report({ channel, id: "a", event: event(1) })
      const { cursor } = yield* client.expect("status")
      for (let index = 0; index < channel.length; index++) {
        yield* refused(client, { type: "subscribe", channel: altered(channel, index), token }, "UnknownChannel")
      }
      for (let index = 0; index < token.length; index++) {
        yield* refused(client, { type: "subscribe", channel, token: altered(token, index) }, "BadToken")
      }
      for (let index = 0; index < cursor.length; index++) {
        yield* refused(client, { type: "subscribe", channel, token, after: altered(cursor, index) }, "BadCursor")
      }
      for (const wrong of [
        "",
        "A",
        `${channel}A`,
        `${channel}=`,
        ` ${channel}`,
        channel.slice(1),
        "A".repeat(43),
        "../x"
      ]) {
        yield* refused(client, { type: "subscribe", channel: wrong, token }, "UnknownChannel")
      }
      yield* stillWorks(client, channel, token)
    })
  )

  it.effect("of another channel is refused", () =>
    Effect.gen(function* () {
      const { report, start } = yield* makeWorld
      const { port } = yield* start()
      const [mine, theirs] = [yield* connect(port), yield* connect(port)]
      const { channel, token } = yield* mine.expect("channel")
      const other = yield* theirs.expect("channel")
      yield* report({ channel: other.channel, id: "a", event: event(1) })
      const { cursor } = yield* theirs.expect("status")
      yield* refused(mine, { type: "subscribe", channel: other.channel, token }, "BadToken")
      yield* refused(mine, { type: "subscribe", channel, token: other.token }, "BadToken")
      yield* refused(mine, { type: "subscribe", channel, token, after: cursor }, "BadCursor")
    })
  )

  it.effect("is good for a day, and no longer", () =>
    Effect.gen(function* () {
      const { start } = yield* makeWorld
      const { port } = yield* start()
      const first = yield* connect(port)
      const { channel, expires, token } = yield* first.expect("channel")
      assert.strictEqual(expires, "1970-01-02T00:00:00.000Z")
      yield* first.close
      yield* TestClock.adjust("1439 minutes")
      const client = yield* connect(port)
      yield* client.expect("channel")
      yield* stillWorks(client, channel, token)
      yield* client.close
      yield* TestClock.adjust("1 minute")
      const late = yield* connect(port)
      yield* late.expect("channel")
      yield* refused(late, { type: "subscribe", channel, token }, "ExpiredToken")
    })
  )

  it.effect("outlives the next key, but not the one after", () =>
    Effect.gen(function* () {
      const { start } = yield* makeWorld
      const first = yield* connect((yield* start({ name: "1", keys: keys(1) })).port)
      const { channel, token } = yield* first.expect("channel")
      const rotating = yield* connect((yield* start({ name: "2", keys: keys(2, 1) })).port)
      yield* rotating.expect("channel")
      yield* stillWorks(rotating, channel, token)
      const over = yield* connect((yield* start({ name: "3", keys: keys(3, 2) })).port)
      yield* over.expect("channel")
      yield* refused(over, { type: "subscribe", channel, token }, "UnknownChannel")
    })
  )

  it.effect("is renewed on a connection that lasts", () =>
    Effect.gen(function* () {
      const { report, start } = yield* makeWorld
      // The socket answers in real time: one ping for each hour that the clock jumps.
      const { port } = yield* start({ limits: { ping: 3_600_000 } })
      const client = yield* connect(port)
      const { channel } = yield* client.expect("channel")
      yield* report({ channel, id: "a", event: event(1) })
      yield* client.expect("status")
      for (let hours = 0; hours < 13; hours++) {
        yield* TestClock.adjust("60 minutes")
        yield* client.send("a sign of life")
        const frame = yield* client.next
        if (frame.type !== "subscribed") continue
        yield* TestClock.adjust("12 hours")
        const again = yield* connect(port)
        yield* again.expect("channel")
        yield* again.send({ type: "subscribe", channel, token: frame.token, after: frame.cursor })
        yield* again.expect("subscribed")
        yield* report({ channel, id: "a", event: event(2) })
        assert.strictEqual((yield* again.expect("status")).event["n"], 2)
        return
      }
      assert.fail("the token was not renewed within 13 hours")
    })
  )
})

describe("a frame", () => {
  it.effect("that is none gets an error, and the socket stays open", () =>
    Effect.gen(function* () {
      const { start } = yield* makeWorld
      const { port } = yield* start()
      const client = yield* connect(port)
      const { channel, token } = yield* client.expect("channel")
      for (const frame of [
        "",
        "{",
        "null",
        "[]",
        "1",
        '"subscribe"',
        "{}",
        '{"type":"status"}',
        '{"type":"subscribe"}'
      ]) {
        yield* refused(client, frame, "BadFrame")
      }
      yield* refused(client, { type: "subscribe", channel: 1, token }, "BadFrame")
      yield* refused(client, { type: "subscribe", channel, token, after: {} }, "BadFrame")
      yield* refused(client, "[".repeat(60_000), "BadFrame")
      yield* refused(client, Buffer.from(JSON.stringify({ type: "subscribe", channel, token })), "BadFrame")
      yield* refused(client, "x".repeat(64 * 1024 + 1), "FrameTooLarge")
      yield* refused(client, { type: "subscribe", channel, token: "x".repeat(60_000) }, "BadToken")
      yield* stillWorks(client, channel, token)
    })
  )

  it.effect("of more than twice the limit closes the socket before it is in memory", () =>
    Effect.gen(function* () {
      const { start } = yield* makeWorld
      const { port } = yield* start()
      const client = yield* connect(port)
      yield* client.expect("channel")
      yield* client.send("x".repeat(128 * 1024 + 1))
      assert.strictEqual((yield* client.closed).code, 1009)
    })
  )

  it.effect("too many get one error, until the client has waited; without end they close the socket", () =>
    Effect.gen(function* () {
      const { start } = yield* makeWorld
      const { port } = yield* start({ limits: { framesPerSecond: 10 } })
      const client = yield* connect(port)
      const { channel, token } = yield* client.expect("channel")
      for (let n = 0; n < 20; n++) yield* refused(client, "x", "BadFrame")
      for (let n = 0; n < 30; n++) yield* client.send("x")
      assert.strictEqual((yield* client.expect("error")).error, "RateLimited")
      yield* TestClock.adjust("1 second")
      yield* stillWorks(client, channel, token)
      assert.strictEqual(yield* client.arrived, 0)
      for (let n = 0; n < 1_100; n++) yield* client.send("x")
      assert.strictEqual((yield* client.closed).code, 1008)
    })
  )

  it.effect("for one channel too many is refused; one for the same channel again is not", () =>
    Effect.gen(function* () {
      const { start } = yield* makeWorld
      const { channels, port } = yield* start({ limits: { subscriptions: 3 } })
      const client = yield* connect(port)
      const own = yield* client.expect("channel")
      const others = yield* Effect.replicateEffect(channels.create, 3)
      yield* stillWorks(client, others[0]!.channel, others[0]!.token)
      yield* stillWorks(client, others[1]!.channel, others[1]!.token)
      const { channel, token } = others[2]!
      yield* refused(client, { type: "subscribe", channel, token }, "TooManySubscriptions")
      yield* stillWorks(client, own.channel, own.token)
      yield* client.send({ type: "unsubscribe", channel: own.channel })
      yield* stillWorks(client, channel, token)
    })
  )
})

describe("a socket", () => {
  it.effect("is not for a foreign page or another host, and needs the token", () =>
    Effect.gen(function* () {
      const { start } = yield* makeWorld
      const { port } = yield* start({
        server: { token: Redacted.make("s3cret"), allowOrigins: ["https://app.example.com"] }
      })
      const status = Effect.fnUntraced(function* (headers: Record<string, string>, protocols?: Array<string>) {
        const error = yield* Effect.flip(connect(port, { headers }, protocols))
        return /\d{3}/.exec(error.message)?.[0]
      })
      const authorization = "Bearer s3cret"
      assert.strictEqual(yield* status({ authorization, origin: "http://evil.example" }), "403")
      assert.strictEqual(yield* status({ authorization, origin: "null" }), "403")
      assert.strictEqual(yield* status({ authorization, origin: "http://localhost:1" }), "403")
      assert.strictEqual(yield* status({ authorization, host: "evil.example" }), "403")
      assert.strictEqual(yield* status({ authorization, "sec-fetch-site": "cross-site" }), "403")
      assert.strictEqual(yield* status({}), "401")
      assert.strictEqual(yield* status({ authorization: "Bearer other" }), "401")
      assert.strictEqual(yield* status({}, ["sixfold.v1", "sixfold.bearer.c2VjcmV0"]), "401")
      assert.strictEqual(yield* status({}, ["sixfold.v1", "sixfold.bearer.%%%"].slice(0, 1)), "401")
      const bearer = `sixfold.bearer.${Buffer.from("s3cret").toString("base64url")}`
      const own = yield* connect(port, { headers: { origin: `http://127.0.0.1:${port}` } }, ["sixfold.v1", bearer])
      assert.strictEqual(own.socket.protocol, "sixfold.v1")
      yield* own.expect("channel")
      yield* connect(port, { headers: { authorization, origin: "https://app.example.com" } })
    })
  )

  it.effect("is no page, and speaks our protocol or none", () =>
    Effect.gen(function* () {
      const { start } = yield* makeWorld
      const { port } = yield* start()
      assert.strictEqual((yield* exchange(port, head(port, "GET", "/channels"))).status, 426)
      assert.include((yield* Effect.flip(connect(port, {}, ["mqtt"]))).message, "400")
      const client = yield* connect(port, {}, [])
      yield* client.expect("channel")
    })
  )

  it.effect("is refused in JSON, whatever is wrong with its handshake", () =>
    Effect.gen(function* () {
      const { start } = yield* makeWorld
      const { port } = yield* start()
      const good = { upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": "A".repeat(22) + "==" }
      const ask = (method: string, headers: Record<string, string>) => {
        const lines = Object.entries({ connection: "Upgrade", ...good, ...headers }).map(
          ([name, value]) => `${name}: ${value}`
        )
        return exchange(port, Buffer.from(head(port, method, "/channels", ...lines), "latin1"))
      }
      const answer = (headers: Record<string, string>) =>
        Effect.map(ask("GET", headers), (answer) => `${answer.status} ${tag(answer)}`)
      assert.strictEqual(yield* answer({ upgrade: "h2c" }), "426 UpgradeRequired")
      for (const version of ["12", "8", ""]) {
        assert.strictEqual(yield* answer({ "sec-websocket-version": version }), "426 UpgradeRequired")
      }
      for (const key of ["", "A", "A".repeat(24), "A".repeat(23) + "=="]) {
        assert.strictEqual(yield* answer({ "sec-websocket-key": key }), "400 BadHandshake")
      }
      const lists = [",", "sixfold.v1,,sixfold.v1", "sixfold.v1, sixfold.v1", "a b", '"sixfold.v1"', "sixfold.v1\u{a0}"]
      for (const protocols of lists) {
        assert.strictEqual(yield* answer({ "sec-websocket-protocol": protocols }), "400 BadHandshake")
      }
      // Without that word the line stays HTTP's: frames would be read as requests.
      for (const connection of ["close", "keep-alive", "upgrades"]) {
        assert.strictEqual(yield* answer({ connection }), "426 UpgradeRequired")
      }
      const { headers, status } = yield* ask("HEAD", {})
      assert.strictEqual(status, 405)
      assert.strictEqual(headers.get("content-type"), "application/json")
    })
  )

  it.effect("too many is refused until one is closed", () =>
    Effect.gen(function* () {
      const { start } = yield* makeWorld
      const { port } = yield* start({ limits: { sockets: 2 } })
      const first = yield* connect(port)
      yield* first.expect("channel")
      yield* (yield* connect(port)).expect("channel")
      assert.include((yield* Effect.flip(connect(port))).message, "503")
      first.socket.close()
      yield* first.closed
      yield* (yield* Effect.eventually(connect(port))).expect("channel")
    })
  )

  it.effect("that answers no ping is closed; one that does stays", () =>
    Effect.gen(function* () {
      const { start } = yield* makeWorld
      const { port } = yield* start()
      const dead = yield* connect(port, { autoPong: false })
      const alive = yield* connect(port)
      const { channel, token } = yield* alive.expect("channel")
      yield* dead.expect("channel")
      const pinged = Effect.callback<void>((resume) => {
        alive.socket.once("ping", () => resume(Effect.void))
      })
      for (let round = 0; round < 2; round++) {
        const ping = yield* Effect.forkChild(pinged, { startImmediately: true })
        yield* TestClock.adjust("30 seconds")
        yield* Fiber.join(ping)
        yield* refused(alive, "the pong was before this", "BadFrame")
      }
      assert.strictEqual((yield* dead.closed).code, 1006)
      yield* stillWorks(alive, channel, token)
    })
  )

  it.effect("that floods with pings gets no flood of pongs", () =>
    Effect.gen(function* () {
      const { start } = yield* makeWorld
      const { port } = yield* start({ limits: { framesPerSecond: 10 } })
      const client = yield* connect(port)
      yield* client.expect("channel")
      let pongs = 0
      client.socket.on("pong", () => pongs++)
      for (let n = 0; n < 500; n++) client.socket.ping()
      assert.strictEqual((yield* client.expect("error")).error, "RateLimited")
      yield* TestClock.adjust("1 second")
      yield* refused(client, "read after all of them", "BadFrame")
      assert.strictEqual(pongs, 20)
    })
  )
})
