import { Effect } from "effect"
import type { KafkaError } from "../errors.ts"
import type { TopicPartition } from "../records.ts"
import { again, done, retrying } from "./backoff.ts"
import type { Attempt } from "./backoff.ts"
import type { ConnectionError, Connections } from "./connections.ts"
import { listOffsets } from "./fetch-api.ts"
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
