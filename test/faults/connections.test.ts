import { expect, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer } from "effect"
import { afterAll, beforeAll, describe } from "vitest"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { readAll, record, text, unique } from "../broker/clients.ts"
import { start } from "../broker/kafka.ts"
import type { Cluster as Brokers } from "../broker/kafka.ts"
import * as Proxy from "./proxy.ts"
import { underLoad } from "./under-load.ts"

let brokers: Brokers
let proxies: ReadonlyArray<Proxy.Proxy> = []
beforeAll(async () => {
  brokers = await start(3)
  proxies = await Promise.all(brokers.proxied.map(Proxy.open))
})
afterAll(() => {
  for (const proxy of proxies) proxy.close()
  brokers?.stop()
})

/** All that its clients send and hear goes through the proxies. */
const proxied = (options: Partial<Cluster.ClusterOptions> = {}) =>
  Cluster.layer({ brokers: proxies.map(({ address }) => address), requestTimeout: 2_000, ...options })
const direct = () => Cluster.layer({ brokers: brokers.bootstrap.split(",") })

const set = (mode: Proxy.Mode, some: ReadonlyArray<Proxy.Proxy> = proxies) =>
  Effect.sync(() => {
    for (const proxy of some) proxy.set(mode)
  })
const process = (layer: Layer.Layer<Kafka, unknown>) =>
  Effect.map(Layer.build(layer), (context) => Context.get(context, Kafka))

const newTopic = Effect.fnUntraced(function* (kafka: Kafka["Service"]) {
  const topic = unique("cut")
  yield* kafka.topics.ensure([{ name: topic, partitions: 1, cleanup: "delete" }])
  return { topic, partition: 0 }
})

describe("produce, consume and transactions go on, exactly once,", () => {
  it.live("while connections break in the middle of an answer, again and again", () =>
    Effect.suspend(() =>
      underLoad(
        proxied(),
        Effect.repeat(
          Effect.gen(function* () {
            yield* set("cut")
            yield* Effect.sleep(300)
            yield* set("pass")
            yield* Effect.sleep(1_200)
          }),
          { times: 7 }
        )
      )
    )
  )

  it.live("while the answers of each broker in turn do not come", () =>
    Effect.suspend(() =>
      underLoad(
        proxied(),
        Effect.forEach(
          proxies,
          (proxy) =>
            Effect.gen(function* () {
              yield* set("mute", [proxy])
              yield* Effect.sleep("6 seconds")
              yield* set("pass")
              yield* Effect.sleep("2 seconds")
            }),
          { discard: true }
        )
      )
    )
  )
})

describe("a transaction whose end comes late", () => {
  it.live("ends neither itself nor the next one of its transactional id", () =>
    Effect.gen(function* () {
      const [late, next] = [yield* process(proxied()), yield* process(direct())]
      const at = yield* newTopic(next)
      const transactionalId = unique("late")
      const frozen = yield* late.transactor({ transactionalId })
      yield* frozen.commit({ records: [record(at, "before")] })
      yield* set("hold")
      const { outcome } = yield* Effect.flip(frozen.commit({ records: [record(at, "late")] }))
      expect(outcome).toBe("unclear")
      // The next owner is in the middle of a transaction of its own when the end arrives.
      const owner = yield* next.transactor({ transactionalId })
      const flood = Array.from({ length: 20_000 }, (_, n) => record(at, `next ${n}`))
      const commit = yield* Effect.forkChild(owner.commit({ records: flood }))
      yield* Effect.sleep(20)
      yield* set("pass")
      yield* Fiber.join(commit)
      yield* owner.commit({ records: [record(at, "after")] })
      const seen = (yield* Effect.provideService(readAll([at]), Kafka, next)).get(`${at.topic}/0`)!
      expect(seen.map(({ value }) => text(value))).toEqual([
        "before",
        ...flood.map(({ value }) => text(value)),
        "after"
      ])
    }).pipe(Effect.scoped)
  )
})

describe("a batch that is corrupt when it arrives", () => {
  it.live("is a typed error with its topic and partition, never a record; what came before it is delivered", () =>
    Effect.gen(function* () {
      const [kafka, other] = [yield* process(proxied()), yield* process(direct())]
      const at = yield* newTopic(other)
      const producer = yield* other.producer
      yield* producer.send([record(at, "sound")])
      yield* producer.send([record(at, Proxy.poison)])
      yield* set("corrupt")
      const reader = yield* kafka.reader()
      yield* reader.seek(at, 0)
      const [batch] = yield* reader.poll
      expect(batch!.records.map(({ value }) => text(value))).toEqual(["sound"])
      const error = yield* Effect.flip(reader.poll)
      expect(error).toMatchObject({ reason: "CorruptBatch", ...at })
      expect(error.message).toContain(at.topic)
      expect(yield* Effect.flip(kafka.read({ ...at, offset: 1 }))).toMatchObject({ reason: "CorruptBatch", ...at })
      // It was the way here that damaged it: sought again, it is read.
      yield* set("pass")
      yield* reader.seek(at, 1)
      expect((yield* reader.poll)[0]!.records.map(({ value }) => text(value))).toEqual([Proxy.poison])
    }).pipe(Effect.ensuring(set("pass")), Effect.scoped)
  )
})
