/**
 * What a client holds after much and after little: one process writes records of 1,000 bytes and reads them back, read-committed, one
 * MiB after the other, through all partitions. Prints the resident memory after the first tenth of the bytes and at the end, in
 * MiB: the median of what was seen over the last hundredth before.
 */
import { Effect } from "effect"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { noHeaders } from "../../src/kafka/records.ts"
import type { ProducerRecord } from "../../src/kafka/records.ts"
import { keyOf, touch } from "./workload.ts"
import type { MemoryJob, MemoryOutcome } from "./workload.ts"

const { bootstrap, bytes, partitions, topic } = JSON.parse(process.argv[2]!) as MemoryJob
const value = Buffer.alloc(1_000, "v")
const sendSize = 8_000

const record = (n: number): ProducerRecord => ({
  topic,
  partition: n % partitions,
  key: keyOf(n),
  value,
  headers: noHeaders,
  timestamp: 1_750_000_000_000
})

const median = (values: ReadonlyArray<number>) => Math.round(values.toSorted((a, b) => a - b)[values.length >> 1]!)

const run = Effect.gen(function* () {
  const kafka = yield* Kafka
  const producer = yield* kafka.producer
  const reader = yield* kafka.reader()
  for (let partition = 0; partition < partitions; partition++) yield* reader.seek({ topic, partition }, 0)
  const total = Math.ceil(bytes / value.length / sendSize) * sendSize
  const seen: Array<number> = []
  let read = 0
  for (let written = 0; written < total; written += sendSize) {
    const records = Array.from({ length: sendSize }, (_, n) => record(written + n))
    yield* producer.send(records)
    while (read < written + sendSize) {
      for (const batch of yield* reader.poll) {
        for (const { key, value } of batch.records) touch(key, value)
        read += batch.records.length
      }
    }
    seen.push(process.memoryUsage.rss() / 1024 / 1024)
  }
  const part = Math.ceil(seen.length / 100)
  const tenth = Math.ceil(seen.length / 10)
  return {
    early: median(seen.slice(tenth - part, tenth)),
    late: median(seen.slice(-part)),
    highest: Math.round(Math.max(...seen))
  } satisfies MemoryOutcome
})

const outcome = await run.pipe(
  Effect.scoped,
  Effect.provide(Cluster.layer({ brokers: bootstrap.split(",") })),
  Effect.runPromise
)
console.log(JSON.stringify(outcome))
