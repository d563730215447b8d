import { Option, Result } from "effect"
import type { Change } from "../actor/projection.ts"
import type { Topic } from "../actor/topic.ts"
import type { Batch, KafkaRecord } from "../kafka/records.ts"
import { commanded } from "../runtime/control.ts"

/** A record that no row can be made of. */
export interface Refusal {
  readonly record: KafkaRecord
  readonly cause: string
}

/** What is to be done with one stretch of a partition. */
export interface Stretch {
  readonly changes: ReadonlyArray<Change<unknown, unknown>>
  /** The records of `changes`, one each. */
  readonly records: ReadonlyArray<KafkaRecord>
  readonly refusals: ReadonlyArray<Refusal>
  /** The offset after it. */
  readonly next: number
}

/** The stretch is in the table: what is read next, and how much has been. */
export const taken = (mine: { read: number; turns: number }, { changes, next, refusals }: Stretch): void => {
  mine.read = next
  mine.turns += changes.length + refusals.length
}

const decodeRecord = (
  { codec, name }: Topic<unknown, unknown>,
  record: KafkaRecord
): Result.Result<Change<unknown, unknown>, string> => {
  if (record.key === null) return Result.fail("Undecodable: the record has no key")
  const key = codec.decodeKey(record.key)
  if (Result.isFailure(key)) return Result.fail(`${key.failure._tag}: ${key.failure.message}`)
  if (record.value === null)
    return Result.succeed({ topic: name, key: key.success, value: Option.none(), offset: record.offset })
  const value = codec.decodeValue(record.value, record.headers)
  return Result.isFailure(value)
    ? Result.fail(`${value.failure._tag}: ${value.failure.message}`)
    : Result.succeed({ topic: name, key: key.success, value: Option.some(value.success), offset: record.offset })
}

/** Operators' control records are not for projections. */
export const decodeBatch = (topic: Topic<unknown, unknown>, batch: Batch): Stretch => {
  const changes: Array<Change<unknown, unknown>> = []
  const records: Array<KafkaRecord> = []
  const refusals: Array<Refusal> = []
  for (const record of batch.records) {
    if (commanded(record) !== undefined) continue
    const change = decodeRecord(topic, record)
    if (Result.isFailure(change)) {
      refusals.push({ record, cause: change.failure })
      continue
    }
    changes.push(change.success)
    records.push(record)
  }
  return { changes, records, refusals, next: batch.nextOffset }
}

/** The two halves of a stretch of at least two changes, in order. */
export const halves = ({ changes, next, records, refusals }: Stretch): readonly [Stretch, Stretch] => {
  const middle = changes.length >>> 1
  const border = changes[middle - 1]!.offset + 1
  const before = ({ record }: Refusal) => record.offset < border
  return [
    {
      changes: changes.slice(0, middle),
      records: records.slice(0, middle),
      refusals: refusals.filter(before),
      next: border
    },
    {
      changes: changes.slice(middle),
      records: records.slice(middle),
      refusals: refusals.filter((refusal) => !before(refusal)),
      next
    }
  ]
}

/** The stretch of a single change, with that change refused. */
export const refuse = ({ next, records, refusals }: Stretch, cause: string): Stretch => ({
  changes: [],
  records: [],
  refusals: [...refusals, { record: records[0]!, cause }].sort((a, b) => a.record.offset - b.record.offset),
  next
})
