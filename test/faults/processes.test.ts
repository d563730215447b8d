import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, it } from "@effect/vitest"
import { Clock, Effect, Random } from "effect"
import { afterAll, beforeAll, describe } from "vitest"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { partitionFor } from "../../src/kafka/partitioner.ts"
import type { KafkaRecord } from "../../src/kafka/records.ts"
import * as Entry from "../../src/store/entry.ts"
import { readAll, record, text } from "../broker/clients.ts"
import { javaReads } from "../broker/java-client.ts"
import { start } from "../broker/kafka.ts"
import type { Cluster as Brokers } from "../broker/kafka.ts"
import { counter, counts, partitions, ticks } from "./counter.ts"
import { launch } from "./fleet.ts"
import type { Ship } from "./fleet.ts"
import { running } from "./load.ts"

let brokers: Brokers
beforeAll(async () => {
  brokers = await start(process.env.KAFKA_COUNT === "1" ? 1 : 3)
})
afterAll(() => brokers?.stop())

const keys = Array.from({ length: 40 }, (_, n) => `key-${n}`)
/** How long processes are tormented, in milliseconds, beside the first rolling restart. */
const tormented = 60_000
/** A session is over after 10 seconds. */
const pastSession = 13
const seed = 5

/** Sends ascending numbers to all keys in turn, about 200 a second, until interrupted. */
const ticking = Effect.gen(function* () {
  const { producer } = yield* Kafka
  const { send } = yield* producer
  let next = 0
  const some = Effect.suspend(() =>
    send(
      Array.from({ length: 10 }, () => {
        const key = keys[next % keys.length]!
        const at = { topic: ticks.name, partition: partitionFor(Buffer.from(key), partitions) }
        return record(at, String(next++), key)
      })
    )
  )
  return yield* Effect.forever(Effect.delay(some, 50))
})

const torments: ReadonlyArray<(ship: Ship) => Effect.Effect<void>> = [
  ({ kill }) => kill,
  ({ restart }) => restart,
  ({ freeze }) => freeze(pastSession),
  ({ kill }) => kill,
  ({ freeze }) => freeze(1)
]

/** One thing after the other at random moments, each kind in turn, to any of them; a frozen one does not keep the next from its fate. */
const tormenting = Effect.fnUntraced(function* (fleet: ReadonlyArray<Ship>) {
  const end = (yield* Clock.currentTimeMillis) + tormented
  const busy = new Set<Ship>()
  let torment = 0
  while ((yield* Clock.currentTimeMillis) < end) {
    yield* Effect.sleep(yield* Random.nextIntBetween(200, 3_000))
    const idle = fleet.filter((ship) => !busy.has(ship))
    if (idle.length === 0) continue
    const ship = idle[yield* Random.nextIntBetween(0, idle.length - 1)]!
    busy.add(ship)
    const done = Effect.sync(() => busy.delete(ship))
    yield* Effect.forkScoped(Effect.ensuring(torments[torment++ % torments.length]!(ship), done))
  }
  while (busy.size > 0) yield* Effect.sleep(100)
  expect(torment, "each kind of torment").toBeGreaterThan(torments.length)
})

/** Everything committed in a topic, by key, in order. */
const committed = (topic: string, nameOf = ({ key }: KafkaRecord) => text(key)) =>
  Effect.map(readAll(Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))), (found) =>
    Map.groupBy([...found.values()].flat(), nameOf)
  )
const numbersOf = (records: ReadonlyArray<KafkaRecord> = []) =>
  records.map(({ value }) => JSON.parse(text(value)) as unknown)

const sizeOf = (topic: string) =>
  Effect.map(committed(topic), (all) => [...all.values()].reduce((sum, { length }) => sum + length, 0))

/** So long may nothing come out, in seconds: longer than a session and the broker's sweep of a transaction left open. */
const patience = 90

/** Waits until there is an output for each input, for as long as there are more every now and then. */
const caughtUp = Effect.fnUntraced(function* (sent: number) {
  let [size, stood] = [0, 0]
  while (size < sent && stood < patience) {
    yield* Effect.sleep("1 second")
    const now = yield* sizeOf(counts.name)
    stood = now > size ? 0 : stood + 1
    size = now
  }
})

/** What an independent client sees: Java's console consumer, read-committed. */
const seenByJava = Effect.fnUntraced(function* (topic: string, count: number) {
  const found = yield* Effect.promise(() => javaReads(brokers.bootstrap, topic, count))
  return Map.groupBy([...found.values()].flat(), ({ key }) => text(key))
})

describe("three processes of a topology, under load,", () => {
  it.live("end with the exact state, each output once and in order, whatever ends or freezes them", () =>
    Effect.gen(function* () {
      const kafka = yield* Kafka
      yield* kafka.topics.ensure([ticks.spec])
      const fleet = yield* Effect.forEach(["one", "two", "three"], (name) => launch(name, brokers.bootstrap), {
        concurrency: 3
      })
      const load = yield* running(ticking)
      for (const ship of fleet) yield* ship.restart
      expect(yield* sizeOf(counts.name), "outputs over the rolling restart").toBeGreaterThan(0)
      yield* Effect.scoped(tormenting(fleet))
      expect(load.crashed).toEqual([])
      yield* load.stop

      const sent = yield* sizeOf(ticks.name)
      yield* caughtUp(sent)
      // The second rolling restart finds nothing to do, and must not do anything twice.
      for (const ship of fleet) yield* ship.restart
      for (const ship of fleet) yield* ship.stop

      const asked = yield* committed(ticks.name)
      const told = yield* seenByJava(counts.name, yield* sizeOf(counts.name))
      expect([...asked.keys()].toSorted()).toEqual(keys.toSorted())
      expect(sent).toBeGreaterThan(1_000)
      expect(yield* sizeOf(`${counter.name}.dead-letters`)).toBe(0)
      for (const [key, records] of asked) {
        const expected = numbersOf(records).map((tick, index) => ({ tick, count: index + 1 }))
        expect(numbersOf(told.get(key)), `the outputs of ${key}`).toEqual(expected)
      }
      const changelog = yield* committed(`${counter.name}.state`, ({ key }) => Buffer.from(key!).toString("hex"))
      const states = new Map<string, unknown>()
      for (const records of changelog.values()) {
        const { key, value } = records.at(-1)!
        const { kind, key: name } = Entry.decodeEntryKey(key!)
        if (kind === Entry.kinds.state && value !== null) states.set(name, JSON.parse(text(value)))
        // Nothing is parked or waits any more.
        if (kind === Entry.kinds.parked || kind === Entry.kinds.wait) expect(value, `${kind} of ${name}`).toBeNull()
      }
      expect(Object.fromEntries(states)).toEqual(
        Object.fromEntries([...asked].map(([key, records]) => [key, records.length]))
      )
    }).pipe(
      Effect.scoped,
      Effect.provide([
        Cluster.layer({ brokers: brokers.bootstrap.split(","), requestTimeout: 5_000 }),
        NodeServices.layer
      ]),
      Random.withSeed(seed)
    )
  )
})
