import { Clock, Effect, Option } from "effect"
import { KafkaError } from "../errors.ts"
import { partitionId } from "../records.ts"
import type { KafkaRecord, RecordPosition } from "../records.ts"
import { again, done, retrying } from "./backoff.ts"
import type { Attempt } from "./backoff.ts"
import type { ConnectionError, Connections } from "./connections.ts"
import { earliest, fetch } from "./fetch-api.ts"
import * as Fetched from "./fetched.ts"
import type { Metadata } from "./metadata.ts"
import { offsetAt } from "./offsets.ts"
import { errorName, isTransient, refused } from "./protocol-error.ts"
import type { Settings } from "./settings.ts"

/** Bytes asked for: the batch with the record comes whole, however large it is (KIP-74). */
const enough = 64 * 1024

/**
 * Milliseconds for which a record beyond the end of the log is asked for again: markers are written after a commit is answered, and a
 * broker that was cut off answers for a moment as if it still led.
 */
const beyondEnd = 2_000

/** The committed record at exactly this offset, by one fetch that does not wait. */
export const make = (settings: Settings, metadata: Metadata, connections: Connections) =>
  Effect.fnUntraced(function* (position: RecordPosition): Effect.fn.Return<Option.Option<KafkaRecord>, KafkaError> {
    const { offset, partition, topic } = position
    const believed = (yield* Clock.currentTimeMillis) + beyondEnd
    return yield* retrying(
      settings.patience,
      Effect.fnUntraced(function* (
        n: number
      ): Effect.fn.Return<Attempt<Option.Option<KafkaRecord>>, ConnectionError | KafkaError> {
        if (n > 0) yield* metadata.refresh([topic])
        const leader = yield* metadata.leader(topic, partition)
        const answer = yield* connections.request(leader.broker, fetch, {
          committed: true,
          maxWait: 0,
          maxBytes: enough,
          partitionMaxBytes: enough,
          topics: new Map([[topic, [{ partition, offset, leaderEpoch: leader.epoch }]]])
        })
        const found = answer.partitions[0]
        const error = errorName(found?.errorCode ?? answer.errorCode)
        if (error === "OFFSET_OUT_OF_RANGE" || (error === "NONE" && offset >= found!.lastStableOffset)) {
          const isDeleted =
            error !== "NONE" && offset < (yield* offsetAt(metadata, connections, position, earliest, settings.patience))
          if (isDeleted || (yield* Clock.currentTimeMillis) >= believed) return done(Option.none())
          return again(
            new KafkaError({ reason: "Unavailable", message: `${partitionId(topic, partition)} ends before ${offset}` })
          )
        }
        if (found === undefined || error !== "NONE") {
          const why = refused(error, `record ${offset} of ${partitionId(topic, partition)}`, position)
          return isTransient(error) || (why.reason === "TopicMissing" && n < 5) ? again(why) : yield* why
        }
        const fetched = Fetched.make(position, offset)
        const records: Array<KafkaRecord> = []
        try {
          Fetched.append(fetched, found, true, 0)
          Fetched.take(fetched, true, 0, true, records)
        } catch (error) {
          return yield* Fetched.corruption(position, error)
        }
        const record = records[0]
        return done(record?.offset === offset ? Option.some(copied(record)) : Option.none())
      })
    )
  })

/** One record, not the neighbours whose bytes it came with. */
const copied = (record: KafkaRecord): KafkaRecord => ({
  ...record,
  key: record.key && Buffer.from(record.key),
  value: record.value && Buffer.from(record.value),
  headers: record.headers.map(([name, value]) => [name, Buffer.from(value)])
})
