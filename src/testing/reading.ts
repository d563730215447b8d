import { Effect, Option, Result } from "effect"
import type { Actor } from "../actor/actor.ts"
import { jsonText } from "../actor/topic.ts"
import type { Topic } from "../actor/topic.ts"
import { KafkaError } from "../kafka/errors.ts"
import type { Kafka } from "../kafka/kafka.ts"
import { partitionFor } from "../kafka/partitioner.ts"
import type { KafkaRecord, TopicPartition } from "../kafka/records.ts"
import { commanded } from "../runtime/control.ts"
import { ownTopics } from "../runtime/deadLetter.ts"
import { stateKey } from "../store/entry.ts"

const text = new TextDecoder("utf-8", { ignoreBOM: true })

/** Rounds of the scheduler: no clock runs meanwhile, so what does not come within so many never comes. */
const patience = 2_000

/** A record and where it is. */
export interface LocatedRecord extends KafkaRecord {
  readonly partition: number
}

/** Every committed record of a partition as it is now. Fails where a transaction that nobody ends hides the rest. */
export const readPartition = (
  kafka: Kafka["Service"],
  at: TopicPartition
): Effect.Effect<ReadonlyArray<KafkaRecord>, KafkaError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const end = yield* kafka.topics.endOffset(at)
      let next = yield* kafka.topics.beginOffset(at)
      const records: Array<KafkaRecord> = []
      if (next >= end) return records
      const reader = yield* kafka.reader()
      yield* reader.seek(at, next)
      while (next < end) {
        const stalled = new KafkaError({
          reason: "Unavailable",
          message: `${at.topic}/${at.partition} has an open transaction at ${next} of ${end}`
        })
        const still = Effect.andThen(Effect.repeat(Effect.yieldNow, { times: patience }), stalled)
        for (const batch of yield* Effect.raceFirst(reader.poll, still)) {
          records.push(...batch.records.filter(({ offset }) => offset < end))
          next = batch.nextOffset
        }
      }
      return records
    })
  )

/** What is in a topic, committed: by partition, each in order. */
export const readRecords = Effect.fnUntraced(function* (
  kafka: Kafka["Service"],
  topic: string
): Effect.fn.Return<ReadonlyArray<LocatedRecord>, KafkaError> {
  const [found] = yield* kafka.topics.describe([topic])
  const records: Array<LocatedRecord> = []
  for (let partition = 0; partition < (found?.partitions ?? 0); partition++) {
    for (const record of yield* readPartition(kafka, { topic, partition })) records.push({ ...record, partition })
  }
  return records
})

/** The same through the topic's schemas, which it must fit; without operators' commands. */
export const readTopic = <K, V>(
  kafka: Kafka["Service"],
  { codec, name }: Topic<K, V>
): Effect.Effect<ReadonlyArray<readonly [key: K, value: V]>, KafkaError> =>
  Effect.map(readRecords(kafka, name), (records) =>
    records
      .filter((record) => commanded(record) === undefined)
      .map(({ headers, key, value }) => [
        Result.getOrThrow(codec.decodeKey(key)),
        Result.getOrThrow(codec.decodeValue(value, headers))
      ])
  )

/** A key's settled state; none where it is still the initial one. */
export const readState = Effect.fnUntraced(function* <K, M, S, E, R>(
  kafka: Kafka["Service"],
  { definition, name }: Actor<K, M, S, E, R>,
  key: K
): Effect.fn.Return<Option.Option<S>, KafkaError> {
  if (definition.state === undefined) return Option.none()
  const { codec, spec } = definition.inbox
  const bytes = codec.encodeKey(key)
  const { changelog } = ownTopics(name, spec)
  const partition = partitionFor(bytes, spec.partitions)
  const entry = stateKey(text.decode(bytes))
  const values = (yield* readPartition(kafka, { topic: changelog.name, partition })).filter((record) =>
    equal(record.key!, entry)
  )
  const last = values.at(-1)?.value ?? null
  return last === null
    ? Option.none()
    : Option.some(Result.getOrThrow(jsonText(definition.state.schema).decode(text.decode(last))) as S)
})

const equal = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i])
