/**
 * The library's own clients at their best settings: sends of 2,000 records, five at a time; a stream with 1 MiB per fetch; transactions
 * of 10,000 records, which cannot overlap.
 */
import { Consumer, MessagesStreamModes, Producer } from "@platformatic/kafka"
import type { Message } from "@platformatic/kafka"
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
const base = { clientId: "library", bootstrapBrokers: bootstrap.split(","), autocreateTopics: false }

const message = (n: number) => ({ topic, partition: n % partitions, key: keyOf(n), value: valueOf() })

const produce = async () => {
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({ ...base, idempotent: true, acks: -1 })
  const sendSize = 2_000
  const send = async (from: number, count: number) => {
    let next = from
    const worker = async () => {
      while (next < from + count) {
        const first = next
        next += sendSize
        await producer.send({ messages: Array.from({ length: sendSize }, (_, n) => message(first + n)) })
      }
    }
    await Promise.all(Array.from({ length: 5 }, worker))
  }
  await send(0, warmUpRecords)
  const began = begin()
  await send(warmUpRecords, records)
  answer(began)
  await producer.close()
}

const stream = async (group: string) => {
  const consumer = new Consumer<Buffer, Buffer, Buffer, Buffer>({ ...base, groupId: group })
  const messages = await consumer.consume({
    topics: [topic],
    mode: MessagesStreamModes.EARLIEST,
    autocommit: false,
    maxBytes: 1024 * 1024,
    maxWaitTime: 250
  })
  return { consumer, messages }
}

const consume = async () => {
  const { consumer, messages } = await stream(`${topic}.library.${process.pid}`)
  const began = begin()
  let seen = 0
  for await (const { key, value } of messages) {
    touch(key, value)
    if (++seen === records) break
  }
  answer(began)
  await consumer.close(true)
}

const transform = async () => {
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
    ...base,
    idempotent: true,
    acks: -1,
    transactionalId: `${output}.library`
  })
  const { consumer, messages } = await stream(`${output}.library`)
  const began = begin()
  let batch: Array<Message<Buffer, Buffer, Buffer, Buffer>> = []
  const settle = async () => {
    const transaction = await producer.beginTransaction()
    await transaction.addConsumer(consumer)
    // What one send has for a partition is one batch, which must stay below a broker's 1 MiB.
    for (let first = 0; first < batch.length; first += 4_000) {
      await transaction.send({
        messages: batch
          .slice(first, first + 4_000)
          .map(({ key, partition, value }) => ({ topic: output, partition, key, value }))
      })
    }
    const last = new Map(batch.map((one) => [one.partition, one]))
    for (const one of last.values()) await transaction.addOffset(one)
    await transaction.commit()
    batch = []
  }
  let seen = 0
  for await (const one of messages) {
    batch.push(one)
    seen++
    if (batch.length === transactionRecords || seen === records) await settle()
    if (seen === records) break
  }
  answer(began)
  await consumer.close(true)
  await producer.close()
}

const latency = async () => {
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
    ...base,
    idempotent: true,
    acks: -1,
    transactionalId: `${topic}.library`
  })
  const one = async (n: number) => {
    const transaction = await producer.beginTransaction()
    await transaction.send({ messages: [message(n)] })
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
  await producer.close()
}

await { produce, consume, transform, latency }[task]()
process.exit(0)
