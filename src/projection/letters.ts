import { Effect } from "effect"
import type { AnyProjection } from "../actor/projection.ts"
import type { KafkaError } from "../kafka/errors.ts"
import type { Producer } from "../kafka/kafka.ts"
import { partitionId } from "../kafka/records.ts"
import type { ProducerRecord, TopicPartition } from "../kafka/records.ts"
import { bytesOf } from "../runtime/cell.ts"
import { deadLetterRecord } from "../runtime/deadLetter.ts"
import type { Refusal } from "./decode.ts"
import { deadLetterTopic } from "./topics.ts"

/** The dead letter of a record that was refused. */
export interface Letter {
  /** What its record is known by, however often it is written. */
  readonly id: string
  readonly record: ProducerRecord
  /** Where the record lies. */
  readonly source: TopicPartition & { readonly offset: number }
}

export const deadLetter = (
  projection: AnyProjection,
  { partition, topic }: TopicPartition,
  { cause, record }: Refusal,
  now: number
): Letter => {
  const to = deadLetterTopic(projection)
  const source = { topic, partition, offset: record.offset }
  const id = `${partitionId(topic, partition)}/${record.offset}`
  const { headers, key, value } = record
  return {
    id,
    record: deadLetterRecord({
      topic: to.name,
      partition: partition % to.partitions,
      key,
      value,
      headers,
      failedAt: now,
      letter: { id, cause, attempts: 1, source }
    }),
    source
  }
}

/** Writes letters; they are acknowledged when it ends. */
export const send =
  ({ name }: AnyProjection, producer: Producer) =>
  (letters: ReadonlyArray<Letter>): Effect.Effect<void, KafkaError> =>
    Effect.andThen(
      Effect.logWarning(`${name}: records that became dead letters: ${letters.length}`),
      producer.send(letters.map(({ record }) => record))
    )

const copied = (bytes: Uint8Array | null): Uint8Array | null => (bytes === null ? null : bytes.slice())

/** Without the response that its record came in. */
const alone = ({ id, record, source }: Letter): Letter => ({
  id,
  record: {
    ...record,
    key: copied(record.key),
    value: copied(record.value),
    headers: record.headers.map(([name, value]) => [name, value.slice()])
  },
  source
})

/**
 * What a rebuild was refused, until it is known whether the live table has met it: then it is a dead letter already. What is
 * refused a second time, since its transaction had failed, is held once.
 */
export class Held {
  private readonly letters = new Map<string, Letter>()
  private size = 0

  add(letters: ReadonlyArray<Letter>): void {
    for (const letter of letters) {
      if (this.letters.has(letter.id)) continue
      this.letters.set(letter.id, alone(letter))
      this.size += bytesOf(letter.record.key?.length ?? 0, letter.record)
    }
  }

  /** Of keys, values and headers. */
  get bytes(): number {
    return this.size
  }

  /** Lets go of all, and gives those that the live table, with these next offsets, has not met. */
  release(live: ReadonlyMap<string, number>): ReadonlyArray<Letter> {
    const all = [...this.letters.values()]
    this.letters.clear()
    this.size = 0
    return all.filter(({ source }) => source.offset >= (live.get(partitionId(source.topic, source.partition)) ?? 0))
  }
}
