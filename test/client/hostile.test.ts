import { assert, describe, it, vi } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { WebSocket as WsWebSocket } from "ws"
import { defaultBackoff, waitOf } from "../../src/client/backoff.ts"
import { ClientError, connect } from "../../src/client/index.ts"
import type { ConnectOptions } from "../../src/client/index.ts"
import type { SubscribeFrame } from "../../src/client/protocol.ts"
import { atOnce, client, failure, rejection, scripted, take } from "./scripted.ts"
import type { Peer } from "./scripted.ts"

const channel = { type: "channel", channel: "own", token: "t1", expires: "2030-01-01T00:00:00Z" }
const subscribed = { type: "subscribed", channel: "own", cursor: "c0", token: "t2" }
const status = (n: number, cursor = `c${n}`) => ({ type: "status", channel: "own", cursor, event: { kind: "x", n } })
const subscribe: SubscribeFrame = { type: "subscribe", channel: "own", token: "t2", after: "c0" }
const reason = (error: unknown) => (error as ClientError).reason

/** A client and the server's end of its first socket. */
const pair = Effect.fnUntraced(function* (options: ConnectOptions = {}) {
  const server = yield* scripted
  const opening = yield* Effect.forkChild(client(server.url, options), { startImmediately: true })
  const peer = yield* server.accept
  peer.send(channel)
  assert.deepStrictEqual(yield* peer.next, { type: "subscribe", channel: "own", token: "t1" })
  peer.send(subscribed)
  const mine = yield* Fiber.join(opening)
  yield* Effect.addFinalizer(() => Effect.sync(() => mine.close()))
  return { server, peer, mine, updates: mine.statuses() }
})

/** The server's end of the next socket, up to where the client asks for its channel. */
const again = Effect.fnUntraced(function* (server: { readonly accept: Effect.Effect<Peer> }, after: string) {
  const peer = yield* server.accept
  peer.send({ ...channel, channel: "another", token: "t9" })
  assert.deepStrictEqual(yield* peer.next, { type: "unsubscribe", channel: "another" })
  assert.deepStrictEqual(yield* peer.next, { ...subscribe, after })
  return peer
})

describe("a client", () => {
  it.live("asks again on every connection, with the newest token and cursor, and wants no other channel", () =>
    Effect.gen(function* () {
      const { mine, peer, server, updates } = yield* pair()
      peer.send(status(1))
      assert.deepStrictEqual(yield* take(updates, 1), [1])
      peer.send({ ...subscribed, cursor: "c7", token: "t2" })
      peer.send(status(8))
      assert.deepStrictEqual(yield* take(updates, 1), [8])
      peer.socket.terminate()
      const second = yield* again(server, "c8")
      // Sent before the subscription is there: it is not ours.
      second.send(status(99))
      second.send({ ...subscribed, cursor: "c8", token: "t2" })
      second.send(status(9))
      assert.deepStrictEqual(yield* take(updates, 1), [9])
      assert.deepStrictEqual(mine.channel, { id: "own", token: "t2" })
    })
  )

  it.live("takes a new channel while nobody has been told of the first", () =>
    Effect.gen(function* () {
      const server = yield* scripted
      const opening = yield* Effect.forkChild(client(server.url), { startImmediately: true })
      const first = yield* server.accept
      first.send({ ...channel, channel: "lost" })
      yield* first.next
      first.socket.terminate()
      const second = yield* server.accept
      second.send(channel)
      assert.deepStrictEqual(yield* second.next, { type: "subscribe", channel: "own", token: "t1" })
      second.send(subscribed)
      const mine = yield* Fiber.join(opening)
      assert.strictEqual(mine.channel.id, "own")
      mine.close()
      assert.strictEqual(yield* second.closed, 1000)
    })
  )

  it.live("passes over what is no frame, or one of a later protocol", () =>
    Effect.gen(function* () {
      const { peer, updates } = yield* pair()
      for (const wrong of [
        "",
        "{",
        "null",
        "[]",
        "7",
        new Uint8Array([1, 2, 3]),
        { type: "status", channel: "own" },
        { type: "status", channel: "own", cursor: "c1", event: null },
        { type: "status", channel: "own", cursor: 5, event: { kind: "x" } },
        { type: "status", channel: "own", cursor: "c1", event: { n: 1 } },
        { type: "status", channel: "nobody's", cursor: "c1", event: { kind: "x" } },
        { type: "gap" },
        { type: "subscribed", channel: "own" },
        { type: "tomorrow", channel: "own" },
        { type: "error", error: 5 }
      ]) {
        peer.send(wrong)
      }
      peer.send(status(1))
      assert.deepStrictEqual(yield* take(updates, 1), [1])
    })
  )

  it.live("keeps no more than its bound, asks for nothing while it is behind, then for the newest", () =>
    Effect.gen(function* () {
      const { peer, updates } = yield* pair({ buffer: 10 })
      for (let n = 1; n <= 1_000; n++) peer.send(status(n))
      assert.deepStrictEqual(yield* peer.next, { type: "unsubscribe", channel: "own" })
      // What it had asked for before is still under way when it asks anew.
      assert.deepStrictEqual(yield* take(updates, 1), ["gap"])
      assert.deepStrictEqual(yield* peer.next, { type: "subscribe", channel: "own", token: "t2" })
      for (let n = 1_001; n <= 1_100; n++) peer.send(status(n))
      peer.send({ ...subscribed, cursor: "c1100" })
      peer.send(status(1_100))
      assert.deepStrictEqual(yield* take(updates, 1), [1_100])
    })
  )

  it.live("hears of what it missed while it is behind on the next connection only when it reads", () =>
    Effect.gen(function* () {
      const { peer, server, updates } = yield* pair({ buffer: 1 })
      peer.send(status(1))
      peer.send(status(2))
      yield* peer.next
      peer.socket.terminate()
      const second = yield* server.accept
      second.send({ ...channel, channel: "another" })
      assert.deepStrictEqual(yield* second.next, { type: "unsubscribe", channel: "another" })
      assert.deepStrictEqual(yield* take(updates, 1), ["gap"])
      assert.deepStrictEqual(yield* second.next, { type: "subscribe", channel: "own", token: "t2" })
    })
  )

  it.live("passes a server's gap on in its place", () =>
    Effect.gen(function* () {
      const { peer, updates } = yield* pair()
      peer.send(status(1))
      peer.send({ type: "gap", channel: "own" })
      peer.send(status(5))
      assert.deepStrictEqual(yield* take(updates, 3), [1, "gap", 5])
    })
  )

  it.live("connects again when the server says nothing any more, also not when asked", () =>
    Effect.gen(function* () {
      const { peer, server, updates } = yield* pair({ silence: 300 })
      assert.strictEqual((yield* peer.next).channel, "still-there")
      const second = yield* again(server, "c0")
      second.send(subscribed)
      // It is there: it answers.
      assert.strictEqual((yield* second.next).channel, "still-there")
      second.send({ type: "error", error: "UnknownChannel", message: "", channel: "still-there" })
      assert.strictEqual((yield* second.next).channel, "still-there")
      second.send(status(1))
      assert.deepStrictEqual(yield* take(updates, 1), [1])
    })
  )

  it.live("tries again where a server takes the socket and gives no channel, or closes it at once", () =>
    Effect.gen(function* () {
      const server = yield* scripted
      const opening = yield* Effect.forkChild(client(server.url, { silence: 300 }), { startImmediately: true })
      yield* server.accept
      const second = yield* server.accept
      second.socket.close(1011)
      const third = yield* server.accept
      third.send(channel)
      yield* third.next
      third.send(subscribed)
      const mine = yield* Fiber.join(opening)
      mine.close()
    })
  )

  it.live("tries again where the server refuses what will be taken later", () =>
    Effect.gen(function* () {
      const { peer, server } = yield* pair()
      peer.send({ type: "error", error: "RateLimited", message: "at most 50 frames in a second" })
      yield* again(server, "c0")
    })
  )

  it.live("is told at once that its channel cannot be followed, and reads what had come", () =>
    Effect.gen(function* () {
      const { peer, server, updates } = yield* pair()
      peer.send(status(1))
      peer.socket.close(1012, "not JSON")
      const second = yield* again(server, "c1")
      second.send({ type: "error", error: "ExpiredToken", message: "connect anew", channel: "own" })
      assert.deepStrictEqual(yield* take(updates, 1), [1])
      assert.strictEqual(reason(yield* failure(updates)), "ExpiredToken")
    })
  )

  it.live("refuses to follow what no server gave out, and what it follows already", () =>
    Effect.gen(function* () {
      const { mine, peer } = yield* pair()
      const other = { id: "other", token: "t" }
      mine.follow(other)
      assert.deepStrictEqual(yield* peer.next, { type: "subscribe", channel: "other", token: "t" })
      for (const wrong of [other, { id: "own", token: "t" }, { id: "x", token: "t".repeat(2_000) }]) {
        assert.throws(() => mine.follow(wrong), ClientError)
      }
    })
  )

  it.live("asks for every channel it follows on the next connection, but for those it left", () =>
    Effect.gen(function* () {
      const { mine, peer, server } = yield* pair()
      const left = mine.follow({ id: "left", token: "t" })
      mine.follow({ id: "kept", token: "t", after: "k0" })
      yield* peer.next
      yield* peer.next
      yield* Effect.promise(() => left.return!())
      assert.deepStrictEqual(yield* peer.next, { type: "unsubscribe", channel: "left" })
      peer.socket.terminate()
      const second = yield* again(server, "c0")
      assert.deepStrictEqual(yield* second.next, { type: "subscribe", channel: "kept", token: "t", after: "k0" })
      mine.follow({ id: "last", token: "t" })
      assert.strictEqual((yield* second.next).channel, "last")
    })
  )

  it.live("ends its iterations when it is closed, and fails them when it is aborted", () =>
    Effect.gen(function* () {
      const { mine, peer, updates } = yield* pair()
      const also = mine.follow({ id: "other", token: "t" })
      yield* peer.next
      peer.send({ ...subscribed, channel: "other" })
      peer.send(status(1))
      peer.send({ ...status(2), channel: "other" })
      assert.deepStrictEqual(yield* take(also, 1), [2])
      const waiting = also.next()
      mine.close()
      assert.isTrue((yield* Effect.promise(() => waiting)).done)
      assert.strictEqual(yield* peer.closed, 1000)
      assert.deepStrictEqual(yield* take(updates, 2), [1, "end"])
      assert.deepStrictEqual(yield* take(mine.follow({ id: "late", token: "t" }), 1), ["end"])
      const controller = new AbortController()
      const aborted = yield* pair({ signal: controller.signal })
      const failing = yield* Effect.forkChild(failure(aborted.updates), { startImmediately: true })
      controller.abort(new Error("enough"))
      assert.strictEqual((yield* Fiber.join(failing)).message, "enough")
      assert.strictEqual(yield* aborted.peer.closed, 1000)
    })
  )

  it.live("gives up when told to: aborted, or without a connection for longer than its patience", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.callback<string>((resume) => {
        const server = createServer().listen(0, "127.0.0.1", () => {
          const { port } = server.address() as AddressInfo
          server.close(() => resume(Effect.succeed(`http://127.0.0.1:${port}`)))
        })
      })
      assert.strictEqual(
        reason(yield* rejection(() => connect(refused, { backoff: atOnce, patience: 30 }))),
        "Unreachable"
      )
      const signal = AbortSignal.abort(new Error("before it began"))
      assert.strictEqual((yield* rejection(() => connect(refused, { signal }))).message, "before it began")
      assert.instanceOf(yield* rejection(() => connect("no url")), TypeError)
      const { peer, server, updates } = yield* pair({ patience: 200, backoff: { first: 5, longest: 5 } })
      const failing = yield* Effect.forkChild(failure(updates), { startImmediately: true })
      peer.socket.terminate()
      // Sockets without a channel are no connection.
      yield* Effect.forkChild(
        Effect.forever(Effect.andThen(server.accept, ({ socket }) => Effect.sync(() => socket.close())))
      )
      assert.strictEqual(reason(yield* Fiber.join(failing)), "Unreachable")
    })
  )

  it.live("works with the package ws", () =>
    Effect.gen(function* () {
      const { peer, updates } = yield* pair({ WebSocket: WsWebSocket, token: "a token" })
      assert.strictEqual(
        peer.protocols.split(",").at(-1)?.trim(),
        `sixfold.bearer.${Buffer.from("a token").toString("base64url")}`
      )
      peer.send(status(1))
      assert.deepStrictEqual(yield* take(updates, 1), [1])
    })
  )
})

it("a URL that no WebSocket takes is refused at once, and nothing is waited for", async () => {
  vi.useFakeTimers()
  try {
    const error = await connect("ftp://127.0.0.1", { patience: 1_000 }).catch((error: unknown) => error)
    assert.strictEqual((error as Error).name, "SyntaxError")
    assert.strictEqual(vi.getTimerCount(), 0)
  } finally {
    vi.useRealTimers()
  }
})

describe("the wait before the next try", () => {
  const { first, longest } = defaultBackoff

  it("grows to a bound, and is never the same for all", () => {
    const waits = Array.from({ length: 100 }, (_, failures) => waitOf(defaultBackoff, failures, undefined, 1))
    assert.deepStrictEqual(waits.slice(0, 3), [first, 2 * first, 4 * first])
    assert.strictEqual(waits.at(-1), longest)
    assert.strictEqual(waitOf(defaultBackoff, 99, undefined, 0), longest / 2)
  })

  it("is what a restarting server asks for, within bounds, as long as it comes back", () => {
    assert.strictEqual(waitOf(defaultBackoff, 0, 3_210, 0), 3_210)
    assert.strictEqual(waitOf(defaultBackoff, 0, 1e12, 0), longest)
    assert.strictEqual(waitOf(defaultBackoff, 0, 0, 0), first / 2)
    assert.strictEqual(waitOf(defaultBackoff, 1, 3_210, 1), 2 * first)
  })
})
