import { Effect } from "effect"
import { Kafka } from "../../src/kafka/kafka.ts"
import { partitionId } from "../../src/kafka/records.ts"
import type { KafkaRecord, ProducerRecord, TopicPartition } from "../../src/kafka/records.ts"

let names = 0

/** A name no earlier run has used. */
export const unique = (prefix: string): string => `${prefix}-${process.pid}-${Date.now()}-${names++}`

export const record = (at: TopicPartition, value: string, key = "k"): ProducerRecord => ({
  ...at,
  key: Buffer.from(key),
  value: Buffer.from(value),
  headers: [],
  timestamp: Date.now()
})

export const text = (bytes: Uint8Array | null): string => (bytes === null ? "null" : Buffer.from(bytes).toString())

/** Everything committed in the partitions, from their beginning to their present end, by `topic/partition`. */
export const readAll = (partitions: ReadonlyArray<TopicPartition>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const kafka = yield* Kafka
      const reader = yield* kafka.reader()
      const found = new Map<string, Array<KafkaRecord>>()
      const ends = new Map<string, number>()
      for (const at of partitions) {
        const end = yield* kafka.topics.endOffset(at)
        found.set(partitionId(at.topic, at.partition), [])
        if (end === 0) continue
        ends.set(partitionId(at.topic, at.partition), end)
        yield* reader.seek(at, yield* kafka.topics.beginOffset(at))
      }
      while (ends.size > 0) {
        for (const { nextOffset, partition, records, topic } of yield* reader.poll) {
          const id = partitionId(topic, partition)
          found.get(id)!.push(...records)
          if (nextOffset >= (ends.get(id) ?? 0)) ends.delete(id)
        }
      }
      return found
    })
  )
