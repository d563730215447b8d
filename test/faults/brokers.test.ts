import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterAll, beforeAll, describe } from "vitest"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { unique } from "../broker/clients.ts"
import { start } from "../broker/kafka.ts"
import type { Cluster as Brokers } from "../broker/kafka.ts"
import { expectCopied, expectWritten } from "./check.ts"
import { numbers, producing, running, transforming } from "./load.ts"
import type { Outcomes, Sent } from "./load.ts"

let brokers: Brokers
beforeAll(async () => {
  brokers = await start(3)
})
afterAll(() => brokers?.stop())

const partitions = 6
const cluster = Effect.sync(() => Cluster.layer({ brokers: brokers.bootstrap.split(","), requestTimeout: 5_000 }))

/** Waits until the copy has caught up with the input. */
const caughtUp = Effect.fnUntraced(function* (input: string, output: string) {
  const target = (yield* numbers(input, partitions)).flat().length
  while ((yield* numbers(output, partitions)).flat().length < target) yield* Effect.sleep(500)
})

/**
 * A producer and two exactly-once copiers run while `fault` happens, and five seconds longer. Then: all that was acknowledged is
 * there, once; and the copy is the same, in the same order.
 */
const underLoad = (fault: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const kafka = yield* Kafka
    const input = unique("input")
    const output = unique("output")
    const group = unique("group")
    const sent: Sent = { acknowledged: new Set(), failed: new Set() }
    const outcomes: Outcomes = { commits: 0, failures: new Map() }
    yield* kafka.topics.ensure([input, output].map((name) => ({ name, partitions, cleanup: "delete" })))
    const copiers = yield* Effect.forEach([1, 2], (n) =>
      running(transforming({ input, output, group, transactionalId: `${group}.${n}`, outcomes }))
    )
    const producer = yield* running(producing(input, partitions, sent))
    yield* Effect.sleep("3 seconds")
    const before = sent.acknowledged.size
    yield* fault
    yield* Effect.sleep("5 seconds")
    yield* producer.stop
    yield* caughtUp(input, output).pipe(Effect.timeout("90 seconds"))
    for (const { crashed, stop } of copiers) {
      expect(crashed).toEqual([])
      yield* stop
    }
    const written = yield* numbers(input, partitions)
    expectWritten(sent, written)
    expectCopied(written, yield* numbers(output, partitions))
    expect(before).toBeGreaterThan(0)
    expect(sent.acknowledged.size, "produces again afterwards").toBeGreaterThan(before)
    expect(outcomes.commits).toBeGreaterThan(0)
  }).pipe(Effect.scoped, Effect.provide(Effect.runSync(cluster)))

const wait = (seconds: number) => Effect.sleep(`${seconds} seconds`)
const kill = (broker: number) => Effect.sync(() => brokers.kill(broker))
const up = (broker: number) => Effect.promise(() => brokers.up(broker))
const pause = (broker: number) => Effect.sync(() => brokers.pause(broker))
const resume = (broker: number) => Effect.sync(() => brokers.resume(broker))
const all = [1, 2, 3]

describe("produce, consume and transactions go on, exactly once,", () => {
  it.live("while each broker in turn is killed and comes back", () =>
    underLoad(
      Effect.forEach(
        all,
        (broker) =>
          Effect.gen(function* () {
            yield* kill(broker)
            yield* wait(6)
            yield* up(broker)
            yield* wait(3)
          }),
        { discard: true }
      )
    )
  )

  it.live("while each broker in turn is frozen for twenty seconds", () =>
    underLoad(
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

  it.live(
    "after all brokers have been away for half a minute",
    () =>
      underLoad(
        Effect.gen(function* () {
          for (const broker of all) yield* kill(broker)
          yield* wait(30)
          yield* Effect.all(all.map(up), { concurrency: 3 })
        })
      ),
    400_000
  )
})
