import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Latch, Layer, Logger, Option, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Actor, Actors, Log, Topic, Topology } from "../../src/index.ts"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import { TransactionError } from "../../src/kafka/errors.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { partitionFor } from "../../src/kafka/partitioner.ts"
import { readState } from "../../src/testing/reading.ts"

const naps = Topic.make("naps", { value: Schema.Int, partitions: 2 })

/** Sleeps as many seconds as it is told to; remembers what it has begun and what it has brought to its end. */
const sleeper = () => {
  const world = { begun: [] as Array<string>, ended: [] as Array<string> }
  const actor = Actor.make("sleeper", { inbox: naps, state: Schema.Int, initial: 0 }).handle({
    message: Effect.fnUntraced(function* (state, seconds, turn) {
      world.begun.push(`${turn.key} ${seconds}`)
      yield* Effect.sleep(seconds * 1_000)
      world.ended.push(`${turn.key} ${seconds}`)
      return state + seconds
    })
  })
  return { world, topology: Topology.make("test", actor) }
}
type Sleepers = ReturnType<typeof sleeper>["topology"]

const settledDown = Effect.repeat(Effect.yieldNow, { times: 2_000 })

/** A process on the broker there is, which can be stopped. */
const started = Effect.fnUntraced(function* (topology: Sleepers, instance: string) {
  const scope = yield* Scope.make()
  const actors = Context.get(yield* Layer.buildWithScope(Topology.layer(topology, { instance }), scope), Actors)
  yield* settledDown
  return { actors, stop: Scope.close(scope, Exit.void) }
})

const send = (key: string, seconds: number) => Log.use((log) => log.append(naps, key, seconds))

/** Lets seconds go by, one by one. */
const pass = (seconds: number) =>
  Effect.repeat(Effect.andThen(TestClock.adjust("1 second"), settledDown), { times: seconds - 1 })

const onBroker = Effect.provide(Log.layer.pipe(Layer.provideMerge(Embedded.layerMemory)))
const [ada, bob] = ["ada", ...Array.from({ length: 9 }, (_, n) => `bob-${n}`)].reduce<[string, string]>(
  ([a, b], key) => {
    const partition = partitionFor(new TextEncoder().encode(key), 2)
    return partition === 0 ? [key, b] : [a, key]
  },
  ["", ""]
)

describe("a replica that stops", () => {
  it.effect("finishes what has begun and settles it, and leaves the rest to the next one", () => {
    const { topology, world } = sleeper()
    return Effect.gen(function* () {
      const first = yield* started(topology, "one")
      for (const seconds of [3, 1]) yield* send(ada, seconds)
      yield* settledDown
      const stopping = yield* Effect.forkChild(first.stop)
      yield* pass(4)
      assert.isDefined(stopping.pollUnsafe(), "it waits for nobody any more")
      assert.deepStrictEqual(world.begun, [`${ada} 3`])
      const second = yield* started(topology, "one")
      yield* pass(2)
      assert.deepStrictEqual(world.begun, [`${ada} 3`, `${ada} 1`])
      yield* second.stop
    }).pipe(onBroker)
  })

  it.effect("interrupts what takes longer than the drain may, and the next one begins that anew", () => {
    const { topology, world } = sleeper()
    return Effect.gen(function* () {
      const first = yield* started(topology, "one")
      yield* send(ada, 60)
      yield* send(bob, 2)
      yield* settledDown
      const stopping = yield* Effect.forkChild(first.stop)
      yield* pass(4)
      assert.isUndefined(stopping.pollUnsafe())
      yield* pass(2)
      assert.isDefined(stopping.pollUnsafe(), "five seconds and no more")
      const second = yield* started(topology, "one")
      yield* pass(61)
      assert.deepStrictEqual(world.begun.toSorted(), [`${ada} 60`, `${ada} 60`, `${bob} 2`].toSorted())
      assert.deepStrictEqual(world.ended.toSorted(), [`${ada} 60`, `${bob} 2`].toSorted())
      yield* second.stop
    }).pipe(onBroker)
  })
})

describe("a handler that does not end though it is interrupted", () => {
  it.effect("is left behind by a restart, which the log tells of: its replica goes on", () => {
    const lines: Array<string> = []
    const log = Logger.layer([Logger.map(Logger.formatLogFmt, (line) => void lines.push(line))])
    const actor = Actor.make("sleeper", { inbox: naps, state: Schema.Int, initial: 0, timeout: "1 hour" }).handle({
      message: (state, seconds) =>
        seconds > 0
          ? Effect.uninterruptible(Effect.as(Effect.sleep(seconds * 1_000), state))
          : Effect.succeed(state + 1)
    })
    return Effect.gen(function* () {
      const first = yield* started(Topology.make("test", actor), "one")
      yield* send(ada, 30)
      yield* settledDown
      yield* first.actors.restart("sleeper")
      yield* pass(12)
      assert.include(lines.join(), "left behind")
      assert.include(lines.join(), ada)
      yield* send(bob, 0)
      yield* settledDown
      assert.deepStrictEqual(yield* readState(yield* Kafka, actor, bob), Option.some(1))
      yield* pass(60)
      assert.isTrue(first.actors.status()[1]!.replicas[0]!.partitions.every(({ lag }) => lag === 0))
      yield* first.stop
    }).pipe(onBroker, Effect.provide(log))
  })
})

describe("a replica that gives a partition up to another", () => {
  it.effect("finishes there what has begun: nothing is begun twice", () => {
    const { topology, world } = sleeper()
    return Effect.gen(function* () {
      const first = yield* started(topology, "one")
      for (const key of [ada, bob]) yield* send(key, 4)
      yield* settledDown
      const starting = yield* Effect.forkChild(started(topology, "two"))
      yield* pass(15)
      const second = yield* Fiber.join(starting)
      const owned = (process: typeof first) =>
        process.actors.status().find(({ name }) => name === "sleeper")!.replicas[0]!.partitions.length
      assert.deepStrictEqual([owned(first), owned(second)], [1, 1])
      assert.deepStrictEqual(world.begun.toSorted(), [`${ada} 4`, `${bob} 4`].toSorted())
      yield* second.stop
      yield* first.stop
    }).pipe(onBroker)
  })
})

describe("a partition that is restored while a batch of it is on its way", () => {
  it.effect("takes in each message once, also where the reader brings it again", () => {
    const { topology, world } = sleeper()
    return Effect.gen(function* () {
      const kafka = yield* Kafka
      const arrives = Latch.makeUnsafe(false)
      let commits = 0
      const slow: Kafka["Service"] = {
        ...kafka,
        // The second message is polled, and takes its time.
        reader: (options) =>
          Effect.map(kafka.reader(options), (reader) => ({
            ...reader,
            poll: Effect.tap(reader.poll, (batches) =>
              batches.some(({ fromOffset, topic }) => topic === naps.name && fromOffset === 1)
                ? arrives.await
                : Effect.void
            )
          })),
        // The first settle commits, and its answer is lost.
        transactor: (options) =>
          Effect.map(kafka.transactor(options), ({ commit }) => ({
            commit: (transaction) =>
              Effect.flatMap(commit(transaction), () =>
                commits++ === 0
                  ? Effect.fail(new TransactionError({ outcome: "unclear", message: "lost" }))
                  : Effect.void
              )
          }))
      }
      const first = yield* started(topology, "one").pipe(Effect.provideService(Kafka, slow))
      yield* send(ada, 1)
      yield* settledDown
      yield* send(ada, 2)
      yield* pass(3)
      assert.deepStrictEqual([commits, world.begun], [1, [`${ada} 1`]])
      // The reader brings this one along with the second, which has been taken in by then.
      yield* send(ada, 3)
      yield* pass(1)
      arrives.openUnsafe()
      yield* pass(10)
      assert.deepStrictEqual(world.begun, [`${ada} 1`, `${ada} 2`, `${ada} 3`])
      yield* first.stop
    }).pipe(onBroker)
  })
})
