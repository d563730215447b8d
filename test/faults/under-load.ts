import { expect } from "@effect/vitest"
import { Effect } from "effect"
import type { Layer } from "effect"
import type { KafkaError } from "../../src/kafka/errors.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { unique } from "../broker/clients.ts"
import { expectAgreed, expectCopied, expectWritten } from "./check.ts"
import { until } from "../contract/world.ts"
import { contentOf, producing, running, transforming } from "./load.ts"
import type { Outcomes, Sent } from "./load.ts"

export const partitions = 6

/** Waits until the copy has caught up with the input. */
const caughtUp = Effect.fnUntraced(function* (input: string, output: string) {
  const target = (yield* contentOf(input, partitions)).flat().length
  while ((yield* contentOf(output, partitions)).flat().length < target) yield* Effect.sleep(500)
})

/**
 * A producer and two exactly-once copiers run while `fault` happens to their input or their brokers, and five seconds longer. Then: all that was acknowledged is
 * there, once; the copy is the same, in the same order; and so says another client, which comes by `bootstrap`.
 */
export const underLoad = (
  bootstrap: string,
  cluster: Layer.Layer<Kafka, KafkaError>,
  fault: (input: string) => Effect.Effect<void>
) =>
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
    yield* until(() => sent.acknowledged.size > 0 && outcomes.commits > 0)
    yield* Effect.sleep("3 seconds")
    yield* fault(input)
    const [produced, commits] = [sent.acknowledged.size, outcomes.commits]
    // Both go on by themselves: the test's own time limit is theirs.
    yield* until(() => sent.acknowledged.size > produced && outcomes.commits > commits)
    yield* Effect.sleep("5 seconds")
    yield* producer.stop
    yield* caughtUp(input, output)
    for (const { crashed, stop } of copiers) {
      expect(crashed).toEqual([])
      yield* stop
    }
    const [written, copied] = [yield* contentOf(input, partitions), yield* contentOf(output, partitions)]
    expectWritten(sent, written)
    expectCopied(written, copied)
    yield* Effect.promise(() => expectAgreed(bootstrap, input, written))
    yield* Effect.promise(() => expectAgreed(bootstrap, output, copied))
  }).pipe(Effect.scoped, Effect.provide(cluster))
