import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
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
      const [written, said]: [Array<string>, Array<string>] = [[], []]
      const gap = yield* Deferred.make<void>()
      const outlet = {
        isFull: true,
        drained: Effect.sleep("4 seconds"),
        write: (frame: Buffer) => void written.push(frame.toString("latin1")),
        send: (text: string) => {
          said.push(text)
          Deferred.doneUnsafe(gap, Effect.void)
        }
      } as unknown as Outlet
      const feed = yield* Effect.provideContext(Feed, context)
      const sub = new Subscription({ channel, feed, outlet, held: 10 })
      const began = yield* Deferred.make<void>()
      const position = { partition: channelPartition(channel), offset: 0 }
      const subscribed = () => Effect.asVoid(Deferred.succeed(began, undefined))
      yield* Effect.forkChild(Effect.provideContext(follow(sub, position, subscribed), context))
      yield* Deferred.await(began)
      yield* TestClock.adjust("20 seconds")
      yield* Deferred.await(gap)
      assert.deepStrictEqual([written.length < 4, JSON.parse(said[0]!)], [true, { type: "gap", channel }])
    })
  )
})
