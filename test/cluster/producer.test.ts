import { expect, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Latch, Scope } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import type { ProduceRequest } from "../../src/kafka/cluster/produce-api.ts"
import type { Metadata } from "../../src/kafka/cluster/metadata.ts"
import * as Producer from "../../src/kafka/cluster/producer.ts"
import { settings } from "../../src/kafka/cluster/settings.ts"
import type { ClusterOptions } from "../../src/kafka/cluster/settings.ts"
import { KafkaError } from "../../src/kafka/errors.ts"
import type { ProducerRecord } from "../../src/kafka/records.ts"
import { inTime, metadata, noAnswer, noConnection, wire } from "./wire.ts"
import type { Asked, Trouble } from "./wire.ts"

const size = 1_000
const record = (partition = 0): ProducerRecord => ({
  topic: "t",
  partition,
  key: null,
  value: Buffer.alloc(size),
  headers: [],
  timestamp: 1
})

/** A producer whose requests are answered once `answering` is open. */
const start = Effect.fnUntraced(function* (
  options: Partial<ClusterOptions> = {},
  produced: ReadonlyArray<Trouble> = []
) {
  const answering = Latch.makeUnsafe(false)
  const gate = ({ api }: Asked) => (api === "Produce" ? answering.await : Effect.void)
  const { connections, inputs } = wire({ Produce: produced }, gate)
  const producer = yield* Producer.make(settings({ brokers: ["b:1"], ...options }), metadata, connections)
  const requests = () => inputs("Produce") as ReadonlyArray<ProduceRequest>
  const bytes = () =>
    requests()
      .flatMap(({ partitions }) => partitions)
      .reduce((sum, { batch }) => sum + batch.length, 0)
  return { producer, answering, requests, bytes }
})

/** Long enough for everything that is not held back to have happened. */
const settle = Effect.repeat(TestClock.adjust(100), { times: 20 })

const many = (trouble: Trouble) => Array.from({ length: 1_000 }, () => trouble)

describe("a producer", () => {
  it.effect("has at most five requests under way to a broker; what comes meanwhile goes together", () =>
    Effect.gen(function* () {
      const { answering, producer, requests } = yield* start()
      const sends = []
      for (let n = 0; n < 40; n++) {
        sends.push(yield* Effect.forkChild(producer.send([record(n % 2)])))
        yield* TestClock.adjust(1)
      }
      expect(requests().length).toBe(5)
      answering.openUnsafe()
      yield* inTime(Fiber.joinAll(sends))
      expect(requests().length).toBeLessThan(12)
    }).pipe(Effect.scoped)
  )

  it.effect("holds no more than its buffer takes: the sends beyond it wait until there is room", () =>
    Effect.gen(function* () {
      const { answering, bytes, producer } = yield* start({ bufferBytes: 10 * size })
      const four = Array.from({ length: 4 }, () => record())
      const sends = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(producer.send(four)))
      yield* settle
      expect(bytes()).toBeGreaterThan(8 * size)
      expect(bytes()).toBeLessThan(10 * size)
      answering.openUnsafe()
      yield* inTime(Fiber.joinAll(sends))
      expect(bytes()).toBeGreaterThan(12 * size)
    }).pipe(Effect.scoped)
  )

  it.effect("waits for company as long as it is told to, and no longer", () =>
    Effect.gen(function* () {
      const { answering, producer, requests } = yield* start({ linger: 50 })
      answering.openUnsafe()
      const sends = []
      for (let n = 0; n < 4; n++) {
        sends.push(yield* Effect.forkChild(producer.send([record()])))
        yield* TestClock.adjust(10)
      }
      expect(requests()).toEqual([])
      yield* TestClock.adjust(50)
      expect(requests().length).toBe(1)
      yield* Fiber.joinAll(sends)
    }).pipe(Effect.scoped)
  )

  it.effect.each([noAnswer, noConnection, "NOT_ENOUGH_REPLICAS", "CORRUPT_MESSAGE", "NOT_LEADER_OR_FOLLOWER"])(
    "fails a send that cannot be delivered in its time, and names the partition: %s",
    (trouble) =>
      Effect.gen(function* () {
        const { answering, producer } = yield* start({ deliveryTimeout: 5_000 }, many(trouble))
        answering.openUnsafe()
        const started = yield* Clock.currentTimeMillis
        const error = yield* Effect.flip(inTime(producer.send([record(3)])))
        expect(error).toMatchObject({ reason: "Unavailable", topic: "t", partition: 3 })
        expect(error.message).toContain("partition 3 of topic t")
        const took = (yield* Clock.currentTimeMillis) - started
        expect(took).toBeGreaterThanOrEqual(5_000)
        expect(took).toBeLessThan(8_000)
      }).pipe(Effect.scoped)
  )

  it.effect.each([noAnswer, noConnection, "NOT_ENOUGH_REPLICAS", "CORRUPT_MESSAGE", "NOT_LEADER_OR_FOLLOWER"])(
    "sends again what the broker could not take at first: %s",
    (trouble) =>
      Effect.gen(function* () {
        const { answering, producer } = yield* start({}, [trouble, trouble])
        answering.openUnsafe()
        expect(yield* inTime(producer.send([record()]))).toEqual([0])
      }).pipe(Effect.scoped)
  )

  it.effect("that may not write to one topic writes to the others", () =>
    Effect.gen(function* () {
      const led = new Set<string>()
      const error = new KafkaError({ reason: "Unauthorized", message: "secret", topic: "secret" })
      const guarded: Metadata = {
        ...metadata,
        knownLeader: (topic, partition) => (led.has(topic) ? metadata.knownLeader(topic, partition) : undefined),
        refresh: (topics) => {
          for (const topic of topics) if (topic !== "secret") led.add(topic)
          return topics.includes("secret") ? Effect.fail(error) : Effect.void
        }
      }
      const producer = yield* Producer.make(settings({ brokers: ["b:1"] }), guarded, wire().connections)
      const send = (topic: string) => Effect.result(producer.send([{ ...record(), topic }]))
      const results = yield* inTime(Effect.all([send("secret"), send("t")], { concurrency: 2 }))
      expect(results).toMatchObject([{ failure: { reason: "Unauthorized" } }, { success: [0] }])
    }).pipe(Effect.scoped)
  )

  it.effect("that is closed answers every send, also those that wait for room", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { producer } = yield* start({ bufferBytes: 3 * size }).pipe(Scope.provide(scope))
      const sends = yield* Effect.forEach(
        Array.from({ length: 6 }, () => record()),
        (each) => Effect.forkChild(Effect.flip(producer.send([each])))
      )
      yield* settle
      yield* Scope.close(scope, Exit.void)
      const errors = yield* inTime(Fiber.joinAll(sends))
      expect(errors.map(({ reason }) => reason)).toEqual(errors.map(() => "Closed"))
    })
  )
})
