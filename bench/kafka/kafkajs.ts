/**
 * KafkaJS at its best settings: sends of 2,000 records, five at a time; up to 2 MiB per fetch and partition; one transaction per fetched batch,
 * of about 10,000 records; a first retry after 5 ms (default 300).
 */
import { Kafka, logLevel } from "kafkajs"
import type { Consumer, ProducerConfig } from "kafkajs"
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
import type { Began } from "./workload.ts"

const { bootstrap, gap, output, partitions, records, task, topic } = job()
const kafka = new Kafka({
  clientId: "kafkajs",
  brokers: bootstrap.split(","),
  logLevel: logLevel.NOTHING,
  retry: { initialRetryTime: 5, maxRetryTime: 100, retries: Number.MAX_SAFE_INTEGER }
})
/** Fixes partitions: each message names its own. */
const producer = (options: ProducerConfig = {}) =>
  kafka.producer({
    idempotent: true,
    maxInFlightRequests: 5,
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition!,
    ...options
  })
const messages = (first: number, count: number) =>
  Array.from({ length: count }, (_, n) => ({
    partition: (first + n) % partitions,
    key: keyOf(first + n),
    value: valueOf()
  }))

const produce = async () => {
  const client = producer()
  await client.connect()
  const sendSize = 2_000
  const send = async (from: number, count: number) => {
    let next = from
    const worker = async () => {
      while (next < from + count) {
        const first = next
        next += sendSize
        await client.send({ topic, acks: -1, messages: messages(first, sendSize) })
      }
    }
    await Promise.all(Array.from({ length: 5 }, worker))
  }
  await send(0, warmUpRecords)
  const began = begin()
  await send(warmUpRecords, records)
  answer(began)
}

const consumer = async (groupId: string) => {
  const client: Consumer = kafka.consumer({
    groupId,
    readUncommitted: false,
    maxBytesPerPartition: transactionRecords * 220,
    maxWaitTimeInMs: 250
  })
  client.on(client.events.CRASH, ({ payload }) => {
    console.error(payload.error)
    process.exit(1)
  })
  await client.connect()
  await client.subscribe({ topic, fromBeginning: true })
  return client
}

const consume = async () => {
  const client = await consumer(`${topic}.kafkajs.${process.pid}`)
  let began: Began | undefined
  let seen = 0
  await new Promise<void>((done) => {
    const run = client.run({
      autoCommit: false,
      partitionsConsumedConcurrently: partitions,
      eachBatch: ({ batch }) => {
        began ??= begin()
        for (const { key, value } of batch.messages) touch(key, value)
        seen += batch.messages.length
        if (seen >= records) done()
        return Promise.resolve()
      }
    })
    run.catch((error: unknown) => console.error(error))
  })
  answer(began!)
}

const transform = async () => {
  const groupId = `${output}.kafkajs`
  const client = await consumer(groupId)
  const writer = producer({ transactionalId: groupId, maxInFlightRequests: 1 })
  await writer.connect()
  let began: Began | undefined
  let seen = 0
  await new Promise<void>((done) => {
    const run = client.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        began ??= begin()
        const { partition } = batch
        const transaction = await writer.transaction()
        // What one send has for a partition is one batch, which must stay below a broker's 1 MiB.
        for (let first = 0; first < batch.messages.length; first += 4_000) {
          await transaction.send({
            topic: output,
            acks: -1,
            messages: batch.messages.slice(first, first + 4_000).map(({ key, value }) => ({ partition, key, value }))
          })
        }
        const offset = String(Number(batch.lastOffset()) + 1)
        await transaction.sendOffsets({
          consumerGroupId: groupId,
          topics: [{ topic, partitions: [{ partition, offset }] }]
        })
        await transaction.commit()
        seen += batch.messages.length
        if (seen >= records) done()
      }
    })
    run.catch((error: unknown) => console.error(error))
  })
  answer(began!)
}

const latency = async () => {
  const client = producer({ transactionalId: `${topic}.kafkajs`, maxInFlightRequests: 1 })
  await client.connect()
  const one = async (n: number) => {
    const transaction = await client.transaction()
    await transaction.send({ topic, acks: -1, messages: messages(n, 1) })
    await transaction.commit()
  }
  for (let n = 0; n < warmUp; n++) await one(n)
  const took: Array<number> = []
  const began = begin()
  for (let n = 0; n < records && performance.now() - began.at < latencyLimit; n++) {
    if (gap > 0) await new Promise((resolve) => setTimeout(resolve, gap))
    const start = performance.now()
    await one(n)
    took.push(performance.now() - start)
  }
  answer(began, took)
}

await { produce, consume, transform, latency }[task]()
process.exit(0)
