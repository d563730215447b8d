import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { randomBytes } from "node:crypto"
import { describe, inject } from "vitest"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"
import type { Compression } from "../../src/kafka/cluster/settings.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import type { Header, ProducerRecord } from "../../src/kafka/records.ts"
import { seeded } from "../cluster/seeded.ts"
import { record, text, unique } from "./clients.ts"
import { exactly, javaReads } from "./java-client.ts"

const bootstrap = inject("bootstrap")
const java = (topic: string, count: number) => Effect.promise(() => javaReads(bootstrap, topic, count))

const empty = new Uint8Array(0)

/** Any bytes, no bytes, and nothing at all, in every place where there may be. */
const sample = (topic: string, count: number): ReadonlyArray<ProducerRecord> => {
  const random = seeded(count)
  const some = () => [null, empty, random.bytes(1 + random.int(40)), random.bytes(5_000)][random.int(4)]!
  const header = (): Header => [["traceparent", "again", "schlüssel", ""][random.int(4)]!, random.bytes(random.int(9))]
  return Array.from({ length: count }, () => ({
    topic,
    partition: random.int(2),
    key: some(),
    value: some(),
    headers: Array.from({ length: random.int(4) }, header),
    timestamp: Date.now() - random.int(10_000)
  }))
}

describe("an independent client", () => {
  it.live.each<Compression>(["none", "gzip", "snappy", "lz4", "zstd"])(
    "reads the same keys, values, headers and times, compressed with %s",
    (compression) =>
      Effect.gen(function* () {
        const kafka = yield* Kafka
        const topic = unique("agree")
        yield* kafka.topics.ensure([{ name: topic, partitions: 2, cleanup: "delete" }])
        const records = sample(topic, 200)
        const offsets = yield* (yield* kafka.producer).send(records)
        const found = yield* java(topic, records.length)
        for (const partition of [0, 1]) {
          const sent = records
            .map((each, n) => ({ ...each, offset: offsets[n]! }))
            .filter((each) => each.partition === partition)
          expect(found.get(partition)!.map(exactly)).toEqual(sent.map(exactly))
        }
      }).pipe(Effect.scoped, Effect.provide(Cluster.layer({ brokers: bootstrap.split(","), compression })))
  )

  it.live("sees what was committed and nothing that was aborted", () =>
    Effect.gen(function* () {
      const kafka = yield* Kafka
      const topic = unique("agree")
      yield* kafka.topics.ensure([{ name: topic, partitions: 1, cleanup: "delete" }])
      const transactor = yield* kafka.transactor({ transactionalId: unique("agree") })
      const at = { topic, partition: 0 }
      const poison = { ...record(at, ""), value: randomBytes(2_000_000) }
      yield* transactor.commit({ records: [record(at, "good")] })
      // The first of the two is written before the other is refused: it must stay invisible.
      expect(yield* Effect.flip(transactor.commit({ records: [record(at, "aborted"), poison] }))).toMatchObject({
        outcome: "refused"
      })
      yield* transactor.commit({ records: [record(at, "good too")] })
      const seen = (yield* java(topic, 2)).get(0)!.map(({ value }) => text(value))
      expect(seen).toEqual(["good", "good too"])
    }).pipe(Effect.scoped, Effect.provide(Cluster.layer({ brokers: bootstrap.split(",") })))
  )
})
