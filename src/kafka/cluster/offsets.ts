import { Effect } from "effect"
import { KafkaError } from "../errors.ts"
import type { TopicPartition } from "../records.ts"
import { again, done, retrying } from "./backoff.ts"
import type { Attempt } from "./backoff.ts"
import type { ConnectionError, Connections } from "./connections.ts"
import { earliest, latest, listOffsets } from "./fetch-api.ts"
import type { Metadata } from "./metadata.ts"
import { errorName, isTransient, refused } from "./protocol-error.ts"

/**
 * The first offset at or after `time` (milliseconds, or `earliest`, `latest` of fetch-api.ts); -1 where there is none.
 * Asks the leader, for as long as `patience` (milliseconds) lasts.
 */
export const offsetAt = (
  metadata: Metadata,
  connections: Connections,
  { partition, topic }: TopicPartition,
  time: number,
  patience: number
): Effect.Effect<number, KafkaError> =>
  retrying(
    patience,
    Effect.fnUntraced(function* (n: number): Effect.fn.Return<Attempt<number>, ConnectionError | KafkaError> {
      if (n > 0) yield* metadata.refresh([topic])
      const leader = yield* metadata.leader(topic, partition, patience)
      const answer = yield* connections.request(leader.broker, listOffsets, {
        topic,
        partition,
        leaderEpoch: leader.epoch,
        time
      })
      const found = answer.topics[0]?.partitions[0]
      const error = errorName(found?.errorCode ?? -1)
      if (found !== undefined && error === "NONE") return done(Number(found.offset))
      const why = refused(error, `offset of partition ${partition} of topic ${topic}`, { topic, partition })
      // A partition that was found in the metadata may be new to the broker asked.
      return isTransient(error) || (why.reason === "TopicMissing" && n < 5) ? again(why) : yield* why
    })
  )

/** What is wrong with an offset that a leader has called out of range; nothing, where it did not know yet how far the log goes. */
export const notInLog = Effect.fnUntraced(function* (
  metadata: Metadata,
  connections: Connections,
  at: TopicPartition,
  offset: number,
  patience: number
): Effect.fn.Return<KafkaError | undefined, KafkaError> {
  const { partition, topic } = at
  const first = yield* offsetAt(metadata, connections, at, earliest, patience)
  const end = yield* offsetAt(metadata, connections, at, latest, patience)
  if (offset >= first && offset <= end) return undefined
  const lost = offset < first ? `${first - offset} offsets before ${first} are gone` : `the log ends at ${end}`
  return new KafkaError({
    reason: "OffsetOutOfRange",
    message: `offset ${offset} of partition ${partition} of topic ${topic} is not in the log: ${lost} (${first} to ${end} are left)`,
    topic,
    partition
  })
})
