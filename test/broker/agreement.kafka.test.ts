import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { describe, inject } from "vitest"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"
import type { Compression } from "../../src/kafka/cluster/settings.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import type { ProducerRecord } from "../../src/kafka/records.ts"
import { unique } from "./clients.ts"
import { tool } from "./kafka.ts"

const bootstrap = inject("bootstrap")

/** What the Java client reads, read-committed: a line per record. */
const javaReads = (topic: string, count: number): ReadonlyArray<string> =>
  tool(
    "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "--bootstrap-server",
    bootstrap,
    "--topic",
    topic,
    "--from-beginning",
    "--isolation-level",
    "read_committed",
    "--max-messages",
    String(count),
    ...["timestamp", "key", "headers", "partition", "offset"].flatMap((name) => ["--property", `print.${name}=true`])
  )
    .trimEnd()
    .split("\n")

const line = ({ headers, key, partition, timestamp, value }: ProducerRecord, offset: number) =>
  [
    `CreateTime:${timestamp}`,
    `Partition:${partition}`,
    `Offset:${offset}`,
    headers.length === 0
      ? "NO_HEADERS"
      : headers.map(([name, value]) => `${name}:${Buffer.from(value).toString()}`).join(","),
    key === null ? "null" : Buffer.from(key).toString(),
    value === null ? "null" : Buffer.from(value).toString()
  ].join("\t")

const sample = (topic: string, n: number): ProducerRecord => ({
  topic,
  partition: 0,
  key: n % 5 === 0 ? null : Buffer.from(`schlüssel-${n}`),
  value: n % 7 === 0 ? null : Buffer.from(`wert-${"x".repeat(n)}`),
  headers:
    n % 3 === 0
      ? []
      : [
          ["traceparent", Buffer.from(`00-${n}`)],
          ["again", Buffer.from("1")],
          ["again", Buffer.from("2")]
        ],
  timestamp: Date.now() + n
})

describe("an independent client", () => {
  it.live.each<Compression>(["none", "gzip", "snappy", "lz4", "zstd"])(
    "reads the same keys, values, headers and times, compressed with %s",
    (compression) =>
      Effect.gen(function* () {
        const kafka = yield* Kafka
        const topic = unique("agree")
        yield* kafka.topics.ensure([{ name: topic, partitions: 1, cleanup: "delete" }])
        const records = Array.from({ length: 100 }, (_, n) => sample(topic, n))
        const offsets = yield* (yield* kafka.producer).send(records)
        expect(offsets).toEqual(records.map((_, n) => n))
        expect(javaReads(topic, 100)).toEqual(records.map(line))
      }).pipe(Effect.scoped, Effect.provide(Cluster.layer({ brokers: bootstrap.split(","), compression })))
  )

  it.live("sees what was committed and nothing that was aborted", () =>
    Effect.gen(function* () {
      const kafka = yield* Kafka
      const topic = unique("agree")
      yield* kafka.topics.ensure([{ name: topic, partitions: 1, cleanup: "delete" }])
      const transactor = yield* kafka.transactor({ transactionalId: unique("agree") })
      const good = sample(topic, 1)
      const poison = { ...sample(topic, 2), value: Buffer.alloc(2_000_000) }
      yield* transactor.commit({ records: [good] })
      // The first of the two is written before the other is refused: it must stay invisible.
      expect(yield* Effect.flip(transactor.commit({ records: [sample(topic, 3), poison] }))).toMatchObject({
        outcome: "refused"
      })
      yield* transactor.commit({ records: [sample(topic, 4)] })
      const seen = javaReads(topic, 2).map((line) => line.split("\t").at(-1))
      expect(seen).toEqual([`wert-x`, `wert-xxxx`])
    }).pipe(Effect.scoped, Effect.provide(Cluster.layer({ brokers: bootstrap.split(",") })))
  )
})
