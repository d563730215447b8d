import type { Vitest } from "@effect/vitest"
import { Context, Effect } from "effect"
import type { Fiber, Scope } from "effect"
import type { KafkaError } from "../../src/kafka/errors.ts"
import type { Kafka, Reader, ReaderOptions, TopicSpec } from "../../src/kafka/kafka.ts"
import type { Batch, KafkaRecord, ProducerRecord, TopicPartition } from "../../src/kafka/records.ts"
import { text, unique } from "../broker/clients.ts"

export type Client = Kafka["Service"]

/** The broker the contract is held to. */
export class World extends Context.Service<
  World,
  {
    /** A process: a client that shares nothing with the others but the broker. */
    readonly process: Effect.Effect<Client, KafkaError, Scope.Scope>
    /** A process whose transactions are written but never ended: their commit fails, and they stay open. */
    readonly stuck: Effect.Effect<Client, KafkaError, Scope.Scope>
    /** Deletes a topic, as an operator would, and waits until it is gone. */
    readonly deleteTopic: (name: string) => Effect.Effect<void, KafkaError>
    /** Drops all records of a partition, which are older than its topic's retention, now. */
    readonly expire: (partition: TopicPartition) => Effect.Effect<void, KafkaError>
  }
>()("test/contract/World") {}

/** Where the tests of one part go. */
export type Suite = Vitest.MethodsNonLive<World>

/** A process of its own. */
export const newProcess = Effect.flatMap(World, ({ process }) => process)
export const newStuckProcess = Effect.flatMap(World, ({ stuck }) => stuck)

export const deleteTopic = (name: string) => Effect.flatMap(World, ({ deleteTopic }) => deleteTopic(name))

export const expire = (partition: TopicPartition) => Effect.flatMap(World, ({ expire }) => expire(partition))

/** A topic nobody else has. */
export const newTopic = Effect.fnUntraced(function* (kafka: Client, spec: Partial<TopicSpec> = {}) {
  const name = unique("contract")
  yield* kafka.topics.ensure([{ name, partitions: 1, cleanup: "delete", ...spec }])
  return name
})

export const at = (topic: string, partition = 0): TopicPartition => ({ topic, partition })

/** Of transactions, in milliseconds: long enough for a coordinator that moves on a busy machine. */
export const timeout = 60_000

/** Brokers keep old records here: the topics have no retention. */
export const someTime = 1_750_000_000_000

export const record = (where: TopicPartition, value: string): ProducerRecord => ({
  ...where,
  key: Buffer.from("key"),
  value: Buffer.from(value),
  headers: [],
  timestamp: someTime
})

/** Of several thousand bytes, however it is compressed. */
export const noise = Array.from({ length: 500 }, (_, n) => Math.sin(n)).join()

export const values = (records: ReadonlyArray<KafkaRecord>): ReadonlyArray<string> =>
  records.map(({ value }) => text(value))

/** Polls until `count` records have come. */
export const take = Effect.fnUntraced(function* (reader: Reader, count: number) {
  const batches: Array<Batch> = []
  let records = 0
  while (records < count) {
    for (const batch of yield* reader.poll) {
      batches.push(batch)
      records += batch.records.length
    }
  }
  return batches
})

/** Everything a reader sees of a partition, from its beginning to the high watermark; nothing may be open in it. */
export const readBatches = (kafka: Client, where: TopicPartition, options: ReaderOptions = {}) =>
  Effect.scoped(
    Effect.gen(function* () {
      const end = yield* kafka.topics.endOffset(where)
      let next = yield* kafka.topics.beginOffset(where)
      const reader = yield* kafka.reader(options)
      yield* reader.seek(where, next)
      const batches: Array<Batch> = []
      while (next < end) {
        for (const batch of yield* reader.poll) {
          batches.push(batch)
          next = batch.nextOffset
        }
      }
      return batches
    })
  )

export const read = (kafka: Client, where: TopicPartition, options?: ReaderOptions) =>
  Effect.map(readBatches(kafka, where, options), (batches) => batches.flatMap(({ records }) => records))

/** Waits for a condition; the test's time limit is its limit. */
export const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.andThen(Effect.sleep(10), until(condition))))

/** Whether a fiber is still waiting after it had time to be wrong. */
export const stillWaits = (fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<boolean> =>
  Effect.map(Effect.sleep(200), () => fiber.pollUnsafe() === undefined)
