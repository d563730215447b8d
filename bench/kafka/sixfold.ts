/** The contestant at home: `src/kafka/cluster` behind the port. */
import { Deferred, Effect, Fiber, Option } from "effect"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"
import type { TransactionError } from "../../src/kafka/errors.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { noHeaders } from "../../src/kafka/records.ts"
import type { ProducerRecord } from "../../src/kafka/records.ts"
import {
  answer,
  begin,
  job,
  keyOf,
  latencyLimit,
  touch,
  transactionRecords,
  valueOf,
  warmUp,
  warmUpRecords
} from "./workload.ts"

const { bootstrap, gap, output, partitions, records, task, topic } = job()
const now = () => performance.now()

const record = (n: number): ProducerRecord => ({
  topic,
  partition: n % partitions,
  key: keyOf(n),
  value: valueOf(),
  headers: noHeaders,
  timestamp: 1_750_000_000_000
})

const sendSize = 1_000

const produce = Effect.gen(function* () {
  const producer = yield* (yield* Kafka).producer
  const send = (first: number, count: number) =>
    Effect.forEach(
      Array.from({ length: count / sendSize }, (_, n) => first + n * sendSize),
      (first) => producer.send(Array.from({ length: sendSize }, (_, n) => record(first + n))),
      { concurrency: 64, discard: true }
    )
  yield* send(0, warmUpRecords)
  const began = begin()
  yield* send(warmUpRecords, records)
  answer(began)
})

const consume = Effect.gen(function* () {
  const reader = yield* (yield* Kafka).reader({ maxBytes: 4 * 1024 * 1024 })
  const began = begin()
  for (let partition = 0; partition < partitions; partition++) yield* reader.seek({ topic, partition }, 0)
  for (let seen = 0; seen < records;) {
    for (const batch of yield* reader.poll) {
      for (const { key, value } of batch.records) touch(key, value)
      seen += batch.records.length
    }
  }
  answer(began)
})

const transform = Effect.gen(function* () {
  const kafka = yield* Kafka
  const owning = yield* Deferred.make<void>()
  const group = `${output}.group`
  const member = yield* kafka.member({
    group,
    topics: [topic],
    listener: {
      beforeJoin: () => Effect.void,
      lost: () => Effect.void,
      assigned: () => Deferred.succeed(owning, undefined)
    }
  })
  const transactor = yield* kafka.transactor({ transactionalId: group })
  const reader = yield* kafka.reader({ maxBytes: transactionRecords * 220 })
  yield* Deferred.await(owning)
  const membership = Option.getOrThrow(yield* member.membership)
  const began = begin()
  for (let partition = 0; partition < partitions; partition++) yield* reader.seek({ topic, partition }, 0)
  let settling: Fiber.Fiber<void, TransactionError> | undefined
  for (let seen = 0; seen < records;) {
    const batches = yield* reader.poll
    const written = batches.flatMap(({ partition, records }) =>
      records.map((one): ProducerRecord => ({ ...one, topic: output, partition }))
    )
    const committed = batches.map(({ nextOffset, partition }) => ({ topic, partition, offset: nextOffset }))
    if (settling !== undefined) yield* Fiber.join(settling)
    settling = yield* Effect.forkChild(transactor.commit({ records: written, offsets: { membership, committed } }))
    seen += written.length
  }
  yield* Fiber.join(settling!)
  answer(began)
})

const latency = Effect.gen(function* () {
  const transactor = yield* (yield* Kafka).transactor({ transactionalId: `${topic}.sixfold` })
  for (let n = 0; n < warmUp; n++) yield* transactor.commit({ records: [record(n)] })
  const took: Array<number> = []
  const began = begin()
  for (let n = 0; n < records && performance.now() - began.at < latencyLimit; n++) {
    if (gap > 0) yield* Effect.sleep(gap)
    const start = now()
    yield* transactor.commit({ records: [record(n)] })
    took.push(now() - start)
  }
  answer(began, took)
})

await { produce, consume, transform, latency }[task].pipe(
  Effect.scoped,
  Effect.provide(Cluster.layer({ brokers: bootstrap.split(",") })),
  Effect.runPromise
)
