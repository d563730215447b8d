import { expect, it } from "@effect/vitest"
import { Clock, Context, Effect, Fiber, Layer } from "effect"
import { afterAll, beforeAll, describe } from "vitest"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { readAll, record, text, unique } from "../broker/clients.ts"
import { start } from "../broker/kafka.ts"
import type { Cluster as Brokers } from "../broker/kafka.ts"
import { doublyOwned, join, owning } from "../contract/membership.ts"
import type { Observed } from "../contract/membership.ts"
import { until } from "../contract/world.ts"
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

const newTopic = Effect.fnUntraced(function* (kafka: Kafka["Service"], partitions: number) {
  const topic = unique("cut")
  yield* kafka.topics.ensure([{ name: topic, partitions, cleanup: "delete" }])
  return { topic, partition: 0 }
})

describe("produce, consume and transactions go on, exactly once,", () => {
  it.live("while connections break in the middle of an answer or a request, again and again", () =>
    Effect.suspend(() =>
      underLoad(brokers.bootstrap, proxied(), () =>
        Effect.forEach(
          Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? "cut" : "sever")),
          (mode) =>
            Effect.gen(function* () {
              yield* set(mode)
              yield* Effect.sleep(300)
              yield* set("pass")
              yield* Effect.sleep(1_200)
            }),
          { discard: true }
        )
      )
    )
  )

  it.live("while the answers of each broker in turn do not come", () =>
    Effect.suspend(() =>
      underLoad(brokers.bootstrap, proxied(), () =>
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
      // Long enough for any answer of a busy machine: only the one that is held must not come.
      const [late, next] = [yield* process(proxied({ requestTimeout: 6_000 })), yield* process(direct())]
      const at = yield* newTopic(next, 1)
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

describe("a member that nobody hears for longer than its session", () => {
  it.live("loses what it had to the others, is told what, and joins again by itself", () =>
    Effect.gen(function* () {
      const [cut, other] = [yield* process(proxied()), yield* process(direct())]
      const { topic } = yield* newTopic(other, 4)
      const group: Observed = { group: unique("cut"), topic, events: [] }
      const options = { sessionTimeout: 6_000 }
      const a = yield* join(cut, group, "a", undefined, options)
      yield* owning([a, 4])
      const b = yield* join(other, group, "b", undefined, { sessionTimeout: 60_000 })
      yield* owning([a, 2], [b, 2])
      const [before, old] = [[...a.owned].toSorted(), a.memberships.at(-1)!]
      yield* set("mute")
      // What it does not know yet is true: others have its partitions, and its commits will be refused.
      yield* owning([a, 2], [b, 4])
      yield* set("pass")
      yield* owning([a, 2], [b, 2])
      const lost = group.events.filter(({ what }) => what === "lost")
      expect(lost.map(({ partitions, who }) => [who, partitions.toSorted()])).toEqual([["a", before]])
      const committed = [{ topic, partition: Number(before[0]!.split("/")[1]), offset: 1 }]
      expect(yield* Effect.flip(a.member.commit(old, committed))).toMatchObject({ reason: "StaleMember" })
    }).pipe(Effect.ensuring(set("pass")), Effect.scoped)
  )
})

describe("a member whose assignment never comes, because the next round has begun", () => {
  it.live("keeps what it had until it has given it up: nobody else has it meanwhile", () =>
    Effect.gen(function* () {
      const [slow, other] = [yield* process(proxied()), yield* process(direct())]
      const { topic } = yield* newTopic(other, 4)
      const group: Observed = { group: unique("missed"), topic, events: [] }
      let rounds = 0
      const a = yield* join(other, group, "a", () => Effect.sync(() => void rounds++))
      yield* owning([a, 4])
      // It takes its time to give something up: who were given that too early has it meanwhile.
      const b = yield* join(slow, group, "b", (revoked) => (revoked.length === 0 ? Effect.void : Effect.sleep(1_000)))
      yield* owning([a, 2], [b, 2])
      const before = rounds
      yield* set("hold")
      const c = yield* join(other, group, "c")
      yield* until(() => c.memberships.length === 1)
      const missed = c.memberships[0]!.generation
      const d = yield* join(other, group, "d")
      yield* until(() => rounds === before + 2)
      // The first has heard of the next round, or begins it: its join is on the way.
      yield* Effect.sleep("1 second")
      yield* set("pass")
      yield* owning([a, 1], [b, 1], [c, 1], [d, 1])
      expect(b.memberships.map(({ generation }) => generation)).not.toContain(missed)
      expect(doublyOwned(group.events)).toEqual([])
    }).pipe(Effect.ensuring(set("pass")), Effect.scoped)
  )
})

describe("a broker that is away", () => {
  it.live("is told by a reader and a member that have nothing else to do, until it answers again", () =>
    Effect.gen(function* () {
      const [kafka, other] = [yield* process(proxied()), yield* process(direct())]
      const at = yield* newTopic(other, 1)
      const reader = yield* kafka.reader()
      yield* reader.seek(at, 0)
      yield* Effect.forkChild(reader.poll)
      const joined = yield* join(kafka, { group: unique("away"), topic: at.topic, events: [] }, "a")
      yield* owning([joined, 1])
      for (const mode of ["mute", "cut"] as const) {
        yield* until(() => reader.away() === undefined && joined.member.away() === undefined)
        const before = yield* Clock.currentTimeMillis
        yield* set(mode)
        yield* until(() => reader.away() !== undefined && joined.member.away() !== undefined)
        for (const { cause, since } of [reader.away()!, joined.member.away()!]) {
          expect(cause).toMatch(/^(Fetch|Heartbeat|FindCoordinator|Metadata) to broker 127\.0\.0\.1:\d+ failed: /)
          expect(since).toBeGreaterThanOrEqual(before)
          expect(since).toBeLessThanOrEqual(yield* Clock.currentTimeMillis)
        }
        yield* set("pass")
      }
      yield* until(() => reader.away() === undefined && joined.member.away() === undefined)
    }).pipe(Effect.ensuring(set("pass")), Effect.scoped)
  )
})

describe("a batch that is corrupt when it arrives", () => {
  it.live("is a typed error with its topic and partition, never a record; what came before it is delivered", () =>
    Effect.gen(function* () {
      const [kafka, other] = [yield* process(proxied()), yield* process(direct())]
      const at = yield* newTopic(other, 1)
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
