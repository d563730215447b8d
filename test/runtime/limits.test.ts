import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Latch, Layer, Logger, Option, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Actor, Actors, Log, Topic, Topology } from "../../src/index.ts"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { partitionFor } from "../../src/kafka/partitioner.ts"
import { Cell } from "../../src/runtime/cell.ts"
import type { Message } from "../../src/runtime/cell.ts"
import { TestKit } from "../../src/testing/testKit.ts"
import { definition, partitionOf } from "./world.ts"

const words = Topic.make("words", { value: Schema.String, partitions: 2 })
const keeper = (memory?: number) =>
  Actor.make("keeper", {
    inbox: words,
    state: Schema.String,
    initial: "",
    ...(memory === undefined ? {} : { memory })
  }).handle({ message: (state, word) => Effect.succeed(state + word) })

const messages: Array<string> = []
const logged = Logger.layer([
  Logger.make(({ message, cause }) => void messages.push(`${String(message)} ${String(cause)}`))
])

describe("a limit", () => {
  it.effect("of memory fails the actor by name, and the rest goes on", () =>
    Effect.gen(function* () {
      messages.length = 0
      const kit = yield* TestKit
      yield* kit.send(words, "ada", "x".repeat(3_000))
      yield* kit.quiet
      yield* kit.send(words, "ada", "y")
      yield* kit.quiet
      yield* TestClock.adjust("1 second")
      const state = Actors.use((actors) => Effect.sync(() => actors.status()[1]))
      assert.strictEqual((yield* state)!.replicas[0]!.state, "failed", "hurrying to restore it again is no use")
      assert.include(messages.join("\n"), "3002 bytes of state; its share of the actor's limit is 2000")
    }).pipe(Effect.provide(Layer.provideMerge(TestKit.layer(Topology.make("test", keeper(4_000))), logged)))
  )

  it.effect("of memory holds also where no message comes in any more: timers can fill it", () => {
    const grower = Actor.make("grower", {
      inbox: words,
      state: Schema.String,
      initial: "",
      timers: ["grow"],
      memory: 4_000
    })
    const actor = grower.handle({
      message: (state, _, turn) => Effect.as(turn.set("grow", { every: "1 minute" }), state),
      timer: { grow: (state) => Effect.succeed(state + "x".repeat(500)) }
    })
    return Effect.gen(function* () {
      const kit = yield* TestKit
      yield* kit.send(words, "ada", "go")
      const state = Actors.use((actors) => Effect.sync(() => actors.status()[1]!.replicas[0]!.state))
      const states: Array<string> = []
      for (let minute = 1; minute <= 4; minute++) {
        yield* kit.quiet
        yield* TestClock.adjust("1 minute")
        yield* kit.quiet
        states.push(yield* state)
      }
      assert.deepStrictEqual(states, ["running", "running", "running", "failed"])
    }).pipe(Effect.provide(Layer.provideMerge(TestKit.layer(Topology.make("test", actor)), logged)))
  })

  it.effect(
    "of partitions: an inbox that grows while it is read is refused by name, and nothing is handled elsewhere",
    () =>
      Effect.gen(function* () {
        messages.length = 0
        const kafka = yield* Kafka
        const broker = yield* Embedded.EmbeddedBroker
        let grown = false
        const describe: Kafka["Service"]["topics"]["describe"] = (names) =>
          Effect.map(kafka.topics.describe(names), (topics) =>
            topics.map((topic) => ({ ...topic, partitions: topic.partitions + (grown ? 1 : 0) }))
          )
        const growing = Layer.succeed(Kafka, { ...kafka, topics: { ...kafka.topics, describe } })
        const actors = Context.get(
          yield* Layer.build(Layer.provide(Topology.layer(Topology.make("test", keeper()), {}), growing)),
          Actors
        )
        yield* Effect.repeat(Effect.yieldNow, { times: 500 })
        assert.strictEqual(actors.status()[1]!.state, "running")
        grown = true
        yield* actors.restart("keeper")
        yield* Effect.repeat(Effect.yieldNow, { times: 500 })
        yield* broker.control.rebalance("sixfold.keeper")
        yield* TestClock.adjust("30 seconds")
        assert.include(messages.join("\n"), "words has 3 partitions, its state was made with 2")
      }).pipe(Effect.scoped, Effect.provide([Log.layer.pipe(Layer.provideMerge(Embedded.layerMemory)), logged]))
  )
})

describe("the bytes of states", () => {
  it("are those of the keys as they are now", () => {
    const partition = partitionOf({ definition: { ...definition, memory: 1_000 } })
    const cell = partition.cell("ada")
    for (const json of ["12345", "123", undefined, "1"]) partition.setState(cell, json)
    assert.strictEqual(partition.stateBytes, 1)
  })
})

describe("what is taken from the inbox", () => {
  const lines = Topic.make("lines", { value: Schema.String, partitions: 1 })
  const many = 5_000

  it.effect("is at most a window, however slow the handlers are, and all of it once they go on", () => {
    const go = Latch.makeUnsafe(false)
    let [begun, done] = [0, 0]
    const actor = Actor.make("slow", { inbox: lines, state: Schema.Int, initial: 0 }).handle({
      message: Effect.fnUntraced(function* (state) {
        begun++
        yield* go.await
        done++
        return state
      })
    })
    const inFlight = Actors.use((actors) =>
      Effect.sync(() => actors.status().find(({ name }) => name === "slow")!.replicas[0]!.partitions[0]!.inFlight)
    )
    return Effect.gen(function* () {
      const kit = yield* TestKit
      const utf8 = new TextEncoder()
      const value = lines.codec.encodeValue("x".repeat(1_000))
      const common = { topic: "lines", partition: 0, value, headers: [], timestamp: 0 }
      const records = Array.from({ length: many }, (_, n) => ({ ...common, key: utf8.encode(`key-${n}`) }))
      yield* (yield* (yield* Kafka).producer).send(records)
      yield* Effect.repeat(TestClock.adjust("100 millis"), { times: 20 })
      // A poll brings a quarter of a MiB.
      assert.isBelow(yield* inFlight, 2_048 + 300)
      assert.isAtLeast(yield* inFlight, 2_048)
      yield* Effect.repeat(Effect.yieldNow, { times: 5_000 })
      const atOnce = begun
      yield* go.open
      yield* kit.quiet
      assert.strictEqual(atOnce, 1_024, "workers")
      assert.deepStrictEqual([done, yield* inFlight], [many, 0])
    }).pipe(Effect.scoped, Effect.provide(TestKit.layer(Topology.make("test", actor))))
  })
})

describe("a partition whose window is full", () => {
  it.effect("reads on also where the window is settled before the pause has come about", () => {
    const lines = Topic.make("lines", { value: Schema.Int, partitions: 1 })
    let done = 0
    const actor = Actor.make("fast", { inbox: lines, state: Schema.Int, initial: 0 }).handle({
      message: (_, line) => Effect.sync(() => (done++, line))
    })
    return Effect.gen(function* () {
      const kafka = yield* Kafka
      const slowly = Effect.repeat(Effect.yieldNow, { times: 2_000 })
      const reader: Kafka["Service"]["reader"] = (options) =>
        Effect.map(kafka.reader(options), (reader) => ({
          ...reader,
          pause: (at) => Effect.andThen(slowly, reader.pause(at))
        }))
      yield* Layer.build(
        Layer.provide(Topology.layer(Topology.make("test", actor)), Layer.succeed(Kafka, { ...kafka, reader }))
      )
      yield* Effect.repeat(Effect.yieldNow, { times: 500 })
      const common = { topic: "lines", partition: 0, value: lines.codec.encodeValue(1), headers: [], timestamp: 0 }
      const records = Array.from({ length: 20_000 }, (_, n) => ({ ...common, key: Buffer.from(`key-${n}`) }))
      yield* (yield* kafka.producer).send(records)
      yield* Effect.repeat(Effect.andThen(slowly, TestClock.adjust("100 millis")), { times: 20 })
      assert.strictEqual(done, 20_000)
    }).pipe(Effect.scoped, Effect.provide(Log.layer.pipe(Layer.provideMerge(Embedded.layerMemory))))
  })
})

describe("a record on a partition that is not its key's", () => {
  it.effect("goes to the right one exactly once, over crashes", () => {
    const actor = keeper()
    return Effect.gen(function* () {
      const kit = yield* TestKit
      const kafka = yield* Kafka
      const producer = yield* kafka.producer
      const utf8 = new TextEncoder()
      const users = Array.from({ length: 10 }, (_, n) => `user-${n}`)
      for (const user of users) {
        const key = utf8.encode(user)
        const partition = 1 - partitionFor(key, 2)
        const value = words.codec.encodeValue("a")
        yield* producer.send([{ topic: "words", partition, key, value, headers: [], timestamp: 0 }])
        if (user === "user-5") yield* kit.crash(actor)
      }
      yield* kit.quiet
      yield* kit.crash(actor)
      yield* kit.quiet
      for (const user of users) assert.deepStrictEqual(yield* kit.state(actor, user), Option.some("a"))
    }).pipe(Effect.scoped, Effect.provide(TestKit.layer(Topology.make("test", actor))))
  })
})

describe("parked messages restored", () => {
  const message = (cell: Cell, offset: number): Message => ({
    cell,
    offset,
    next: offset + 1,
    timestamp: 0,
    value: null,
    headers: [],
    bytes: 10,
    weight: 0,
    done: true
  })

  it.prop(
    "are in the order of the inbox whatever the order of the changelog, each once",
    [Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 30 })))],
    ([offsets]) => {
      const cell = new Cell("a")
      const model = new Set<number>()
      for (const [n, offset] of offsets.entries()) {
        cell.takeOut(offset)
        model.delete(offset)
        if (n % 3 === 2) continue
        cell.putIn(message(cell, offset))
        model.add(offset)
      }
      assert.deepStrictEqual(
        cell.parked.map(({ offset }) => offset),
        [...model].toSorted((a, b) => a - b)
      )
      assert.strictEqual(cell.parkedBytes, model.size * 10)
    }
  )
})
