import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Queue } from "effect"
import { TestClock } from "effect/testing"
import { statusTopic } from "../../src/actor/status.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { Channels } from "../../src/status/channels.ts"
import { channelPartition, Feed } from "../../src/status/feed.ts"
import { follow } from "../../src/status/follow.ts"
import type { Outlet } from "../../src/status/outlet.ts"
import { Scans } from "../../src/status/scans.ts"
import { Subscription } from "../../src/status/subscription.ts"
import { connect, keys, makeWorld } from "./world.ts"

const event = (n: number, text = "") => ({ kind: "import", n, text })
/** Several times what the kernel takes for a reader that reads nothing. */
const [many, large] = [400, "x".repeat(60_000)]

describe("a socket that is not read", () => {
  it.effect("is given no more than its buffer holds, then a gap and the newest; others miss nothing", () =>
    Effect.gen(function* () {
      const { report, start } = yield* makeWorld
      const { port } = yield* start()
      const [slow, other] = [yield* connect(port), yield* connect(port)]
      const { channel, token } = yield* slow.expect("channel")
      yield* other.expect("channel")
      yield* other.send({ type: "subscribe", channel, token })
      yield* other.expect("subscribed")
      slow.socket.pause()
      for (let n = 0; n < many; n++) {
        yield* report({ channel, id: "a", event: event(n, large) })
        assert.strictEqual((yield* other.expect("status")).event["n"], n)
      }
      slow.socket.resume()
      let read = 0
      for (let frame = yield* slow.next; frame.type !== "gap"; frame = yield* slow.next) {
        assert.strictEqual(frame.type === "status" && frame.event["n"], read++)
        assert.isBelow(read, many)
      }
      assert.strictEqual((yield* slow.expect("status")).event["n"], many - 1)
      yield* report({ channel, id: "a", event: event(many) })
      assert.strictEqual((yield* slow.expect("status")).event["n"], many)
    })
  )
})

/** A client's side, and what it is given. A full one is read a little at a time: four seconds for each frame. */
const fakeOutlet = (isFull = false) =>
  Effect.gen(function* () {
    const [given, waits] = [yield* Queue.unbounded<string>(), yield* Queue.unbounded<void>()]
    const outlet = {
      isFull,
      drained: isFull ? Effect.andThen(Queue.offer(waits, undefined), Effect.sleep("4 seconds")) : Effect.void,
      write: (frame: Buffer) => void Queue.offerUnsafe(given, frame.toString("latin1")),
      send: (text: string) => void Queue.offerUnsafe(given, text)
    }
    // Time goes on whenever somebody waits.
    yield* Effect.forkChild(Effect.forever(Effect.andThen(Queue.take(waits), TestClock.adjust("4 seconds"))))
    return { outlet: outlet as unknown as Outlet, next: Queue.take(given), size: Queue.size(given) }
  })

const live = (offset: number) => ({ offset, timestamp: 0, json: "{}", frame: Buffer.from(`at ${offset}`) })

/** What a gateway has, on a broker of its own. */
const services = Effect.gen(function* () {
  const { broker, report } = yield* makeWorld
  const kafka = Layer.succeed(Kafka, broker.client("gateway").kafka)
  const below = Layer.provideMerge(Layer.provide(Channels.layer, keys(1)), kafka)
  const context = yield* Layer.build(Layer.provideMerge(Layer.mergeAll(Feed.layer, Scans.layer), below))
  return { report, context }
})

describe("reading back", () => {
  it.effect("waits for all slow readers at once, not for one after the other", () =>
    Effect.gen(function* () {
      const { context, report } = yield* services
      const channel = "any"
      yield* report({ channel, id: "a", event: event(1) })
      const scan = Effect.fnUntraced(function* () {
        const [began, release] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        const take = () => Effect.andThen(Deferred.succeed(began, undefined), Deferred.await(release))
        const request = { topic: statusTopic.name, partition: channelPartition(channel), channel, from: 0, to: 1, take }
        const scanned = Scans.use(({ scan }) => scan(request)).pipe(Effect.provideContext(context))
        const fiber = yield* Effect.forkChild(scanned, { startImmediately: true })
        return { began: Deferred.await(began), release: Deferred.succeed(release, undefined), fiber }
      })
      const first = yield* scan()
      yield* first.began
      const others = yield* Effect.replicateEffect(scan(), 3)
      yield* first.release
      for (const { began } of others) yield* began
      for (const { release } of others) yield* release
      for (const { fiber } of [first, ...others]) assert.strictEqual(yield* Fiber.join(fiber), "done")
    })
  )

  it.effect("waits ten seconds in all for one that goes on reading, a little at a time; then it gets a gap", () =>
    Effect.gen(function* () {
      const { context, report } = yield* services
      const { channel } = yield* Effect.provideContext(
        Effect.flatten(Channels.useSync(({ create }) => create)),
        context
      )
      for (let n = 0; n < 10; n++) yield* report({ channel, id: "a", event: event(n) })
      const { next, outlet } = yield* fakeOutlet(true)
      const feed = yield* Effect.provideContext(Feed, context)
      const sub = new Subscription({ channel, feed, outlet, held: 10 })
      const position = { partition: channelPartition(channel), offset: 0 }
      yield* Effect.forkChild(
        Effect.provideContext(
          follow(sub, position, () => Effect.void),
          context
        )
      )
      const gap = JSON.stringify({ type: "gap", channel })
      let written = 0
      while ((yield* next) !== gap) written++
      assert.strictEqual(written, 2)
    })
  )

  it.effect("holds back a bounded number of new statuses meanwhile; more are a gap", () =>
    Effect.gen(function* () {
      const { context } = yield* services
      const feed = yield* Effect.provideContext(Feed, context)
      const { outlet, size } = yield* fakeOutlet()
      const sub = new Subscription({ channel: "any", feed, outlet, held: 3 })
      sub.join("holding")
      for (let offset = 0; offset < 3; offset++) sub.deliver(live(offset))
      assert.strictEqual(sub.mode, "holding")
      sub.deliver(live(3))
      assert.deepStrictEqual([sub.mode, sub.holding.length, yield* size], ["behind", 0, 0])
    })
  )

  it.effect("brings nothing twice on a process that has read less far than the one the cursor is from", () =>
    Effect.gen(function* () {
      const { context, report } = yield* services
      const channel = "any"
      for (let n = 0; n < 10; n++) yield* report({ channel, id: "a", event: event(n) })
      const partition = channelPartition(channel)
      const feed = Feed.of({
        join: () => ({ partition, offset: 2 }),
        leave: () => undefined,
        position: () => 2,
        passed: () => Effect.void,
        settled: Effect.void
      })
      const { next, outlet } = yield* fakeOutlet()
      const sub = new Subscription({ channel, feed, outlet, held: 10 })
      // As they come while the broker is still asked where its log ends.
      const subscribed = () => Effect.sync(() => [2, 4, 6, 8].forEach((offset) => sub.deliver(live(offset))))
      yield* Effect.forkChild(Effect.provideContext(follow(sub, { partition, offset: 6 }, subscribed), context))
      assert.deepStrictEqual([yield* next, yield* next], ["at 6", "at 8"])
    })
  )
})
