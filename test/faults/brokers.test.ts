import { expect, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { afterAll, beforeAll, describe } from "vitest"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { record, unique } from "../broker/clients.ts"
import { start, tool } from "../broker/kafka.ts"
import type { Cluster as Brokers } from "../broker/kafka.ts"
import { partitions, underLoad } from "./under-load.ts"

let brokers: Brokers
beforeAll(async () => {
  brokers = await start(3)
})
afterAll(() => brokers?.stop())

const suffering = (fault: (input: string) => Effect.Effect<void>) =>
  Effect.suspend(() =>
    underLoad(brokers.bootstrap, Cluster.layer({ brokers: brokers.bootstrap.split(","), requestTimeout: 5_000 }), fault)
  )

const wait = (seconds: number) => Effect.sleep(`${seconds} seconds`)
const kill = (broker: number) => Effect.sync(() => brokers.kill(broker))
const up = (broker: number) => Effect.promise(() => brokers.up(broker))
const pause = (broker: number) => Effect.sync(() => brokers.pause(broker))
const resume = (broker: number) => Effect.sync(() => brokers.resume(broker))
const all = [1, 2, 3]

/** Gives each partition back to the broker it was made on: leaders move although nobody is away. */
const moveLeaders = Effect.promise(() =>
  tool(
    "org.apache.kafka.tools.LeaderElectionCommand",
    ..."--election-type preferred --all-topic-partitions --bootstrap-server".split(" "),
    brokers.bootstrap
  )
)

/** Whoever may not speak EndTxn leaves his transaction open, until the broker's sweep. */
const openTransaction = (topic: string) =>
  Effect.gen(function* () {
    const kafka = yield* Kafka
    const transactor = yield* kafka.transactor({ transactionalId: unique("foreign"), timeout: 5_000 })
    const records = Array.from({ length: partitions }, (_, partition) => record({ topic, partition }, "-1 open"))
    expect(yield* Effect.flip(transactor.commit({ records }))).toMatchObject({ outcome: "unclear" })
  }).pipe(
    Effect.scoped,
    Effect.provide(Cluster.layer({ brokers: brokers.bootstrap.split(","), maxVersions: { EndTxn: -1 } })),
    Effect.orDie
  )

describe("produce, consume and transactions go on, exactly once,", () => {
  // Each in turn: so also the leader of every partition, and the coordinators of the group and of both transactional ids.
  it.live("while each broker in turn is killed and comes back, and leaders move back", () =>
    suffering(() =>
      Effect.gen(function* () {
        for (const broker of all) {
          yield* kill(broker)
          yield* wait(9)
          yield* up(broker)
          yield* wait(3)
        }
        yield* moveLeaders
      })
    )
  )

  it.live("while each broker in turn is frozen for twenty seconds", () =>
    suffering(() =>
      Effect.forEach(
        all,
        (broker) =>
          Effect.gen(function* () {
            yield* pause(broker)
            yield* wait(20)
            yield* resume(broker)
            yield* wait(3)
          }),
        { discard: true }
      )
    )
  )

  it.live("while a foreign transaction stays open in all of their partitions", () =>
    suffering((input) => Effect.andThen(openTransaction(input), openTransaction(input)))
  )

  it.live("after all brokers have been away for two minutes, of which the log tells", () => {
    const told: Array<string> = []
    const listening = Logger.layer([Logger.make(({ message }) => void told.push(String(message)))])
    return suffering(() =>
      Effect.gen(function* () {
        for (const broker of all) yield* kill(broker)
        yield* wait(120)
        expect(told).toContainEqual(expect.stringMatching(/^The coordinator of group group-.* is away and waited for$/))
        expect(told).toContainEqual(expect.stringMatching(/^input-.* have no leader and are waited for$/))
        yield* Effect.all(all.map(up), { concurrency: 3 })
      })
    ).pipe(Effect.provide(listening))
  })
})
