import { expect, it } from "@effect/vitest"
import { Clock, Effect, Exit, Random, Scope } from "effect"
import { afterAll, beforeAll, describe } from "vitest"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { partitionId } from "../../src/kafka/records.ts"
import type { TopicPartition } from "../../src/kafka/records.ts"
import { unique } from "../broker/clients.ts"
import { start } from "../broker/kafka.ts"
import type { Cluster as Brokers } from "../broker/kafka.ts"

let brokers: Brokers
beforeAll(async () => {
  brokers = await start(3)
})
afterAll(() => brokers?.stop())

const partitions = 12

/** A partition in one member's hands, in milliseconds since the epoch; without `to` it still is. */
interface Held {
  readonly member: number
  readonly from: number
  to: number | undefined
}

/** What all members write down, by partition. */
type Ledger = Map<string, Array<Held>>

const begin = (ledger: Ledger, member: number, now: number, added: ReadonlyArray<TopicPartition>) => {
  for (const { partition, topic } of added) {
    const id = partitionId(topic, partition)
    ledger.set(id, [...(ledger.get(id) ?? []), { member, from: now, to: undefined }])
  }
}
const end = (ledger: Ledger, member: number, now: number, given: (id: string) => boolean) => {
  for (const [id, held] of ledger)
    for (const one of held) if (one.member === member && one.to === undefined && given(id)) one.to = now
}

/** Joins until the answer is run. A member lets go of a partition before its hook returns, and of all before it leaves. */
const join = Effect.fnUntraced(function* (topic: string, group: string, number: number, ledger: Ledger) {
  const kafka = yield* Kafka
  const scope = yield* Scope.make()
  const gone = (partitions: ReadonlyArray<TopicPartition>) => {
    const ids = new Set(partitions.map(({ partition, topic }) => partitionId(topic, partition)))
    return Effect.map(Clock.currentTimeMillis, (now) => end(ledger, number, now, (id) => ids.has(id)))
  }
  yield* kafka
    .member({
      group,
      topics: [topic],
      sessionTimeout: 15_000,
      listener: {
        beforeJoin: gone,
        lost: gone,
        assigned: ({ added }) => Effect.map(Clock.currentTimeMillis, (now) => begin(ledger, number, now, added))
      }
    })
    .pipe(Scope.provide(scope))
  return Effect.andThen(
    Effect.map(Clock.currentTimeMillis, (now) => end(ledger, number, now, () => true)),
    Scope.close(scope, Exit.void)
  )
})

/** Every pair of intervals of one partition that lie over each other. */
const overlaps = (ledger: Ledger) =>
  [...ledger].flatMap(([id, held]) =>
    held.flatMap((one, n) =>
      held
        .slice(n + 1)
        .filter((other) => one.from < (other.to ?? Infinity) && other.from < (one.to ?? Infinity))
        .map((other) => ({ id, one, other }))
    )
  )

const owners = (ledger: Ledger) => [...ledger.values()].filter((held) => held.some(({ to }) => to === undefined)).length

describe("a group whose members come and go for a minute", () => {
  it.live("has one owner for every partition at any time, also when its coordinator dies, and comes to rest", () =>
    Effect.gen(function* () {
      const kafka = yield* Kafka
      const topic = unique("churn")
      const group = unique("churn")
      yield* kafka.topics.ensure([{ name: topic, partitions, cleanup: "delete" }])
      const ledger: Ledger = new Map()
      const present: Array<Effect.Effect<void>> = []
      let numbers = 0
      const change = Effect.gen(function* () {
        const leaves = present.length > 6 || (present.length > 1 && (yield* Random.nextBoolean))
        if (leaves) yield* present.splice(yield* Random.nextIntBetween(0, present.length - 1), 1)[0]!
        else present.push(yield* join(topic, group, numbers++, ledger))
        yield* Effect.sleep(yield* Random.nextIntBetween(50, 1_500))
      })
      const churn = Effect.fnUntraced(function* (seconds: number) {
        const until = (yield* Clock.currentTimeMillis) + seconds * 1_000
        while ((yield* Clock.currentTimeMillis) < until) yield* change
      })
      yield* churn(30)
      // Each broker in turn: so also the one that coordinates the group.
      for (const broker of [1, 2, 3]) {
        brokers.kill(broker)
        yield* churn(10)
        yield* Effect.promise(() => brokers.up(broker))
      }
      yield* Effect.sleep(200).pipe(
        Effect.repeat({ until: () => owners(ledger) === partitions }),
        Effect.timeout("60 seconds")
      )
      expect(overlaps(ledger)).toEqual([])
      expect(numbers).toBeGreaterThan(10)
      expect([...ledger.values()].flat().length, "partitions moved").toBeGreaterThan(partitions * 2)
      for (const leave of present) yield* leave
    }).pipe(
      Random.withSeed("churn"),
      Effect.scoped,
      Effect.provide(Cluster.layer({ brokers: brokers.bootstrap.split(","), requestTimeout: 5_000 }))
    )
  )
})
