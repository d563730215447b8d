import { expect } from "@effect/vitest"
import { Effect } from "effect"
import type { Layer } from "effect"
import type { KafkaError } from "../../src/kafka/errors.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { unique } from "../broker/clients.ts"
import { expectAgreed, expectCopied, expectWritten } from "./check.ts"
import { contentOf, producing, running, transforming } from "./load.ts"
import type { Outcomes, Sent } from "./load.ts"

const partitions = 6

/** Waits until the copy has caught up with the input. */
const caughtUp = Effect.fnUntraced(function* (input: string, output: string) {
  const target = (yield* contentOf(input, partitions)).flat().length
  while ((yield* contentOf(output, partitions)).flat().length < target) yield* Effect.sleep(500)
})

/**
 * A producer and two exactly-once copiers run while `fault` happens, and five seconds longer. Then: all that was acknowledged is
 * there, once; the copy is the same, in the same order; and so says another client, which comes by `bootstrap`.
 */
export const underLoad = (bootstrap: string, cluster: Layer.Layer<Kafka, KafkaError>, fault: Effect.Effect<void>) =>
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
    const [written, copied] = [yield* contentOf(input, partitions), yield* contentOf(output, partitions)]
    expectWritten(sent, written)
    expectCopied(written, copied)
    yield* Effect.promise(() => expectAgreed(bootstrap, input, written))
    yield* Effect.promise(() => expectAgreed(bootstrap, output, copied))
    expect(before).toBeGreaterThan(0)
    expect(sent.acknowledged.size, "produces again afterwards").toBeGreaterThan(before)
    expect(outcomes.commits).toBeGreaterThan(0)
  }).pipe(Effect.scoped, Effect.provide(cluster))
