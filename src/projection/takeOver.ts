import { Effect } from "effect"
import type { AnyProjection } from "../actor/projection.ts"
import { KafkaError } from "../kafka/errors.ts"
import type { Kafka } from "../kafka/kafka.ts"
import type { TopicPartition } from "../kafka/records.ts"
import { ProjectionError } from "./errors.ts"
import { claim } from "./positions.ts"

/** The ids of topics, by name: a topic that is deleted and made again has another. */
export const topicIds = Effect.fnUntraced(function* (kafka: Kafka["Service"], topics: Iterable<string>) {
  const names = [...new Set(topics)]
  const described = names.length === 0 ? [] : yield* kafka.topics.describe(names)
  return new Map(described.map(({ id, name }) => [name, id]))
})

/**
 * Takes a partition over, from the offset that the database has; from the beginning of the log where it has none. Fails where
 * the log is another one, ends before that offset, or has lost what comes next. `id`: whose position it is, the projection's or its
 * rebuild's.
 */
export const takeOver = Effect.fnUntraced(function* (
  kafka: Kafka["Service"],
  { inboxes }: AnyProjection,
  id: string,
  at: TopicPartition,
  topicIds: ReadonlyMap<string, string>
) {
  const topicId = topicIds.get(at.topic)
  if (topicId === undefined) {
    return yield* new KafkaError({ reason: "TopicMissing", message: `topic ${at.topic} is gone`, topic: at.topic })
  }
  const begin = yield* kafka.topics.beginOffset(at)
  const position = yield* claim(id, { ...at, clusterId: kafka.clusterId, topicId }, begin)
  const end = yield* kafka.topics.endOffset(at)
  const fail = (reason: ProjectionError["reason"], message: string) =>
    new ProjectionError({ reason, projection: id, message: `${at.topic}/${at.partition}: ${message}` })
  if (position.stored > end) {
    return yield* fail("BeyondEnd", `the next offset is ${position.stored}, but the log ends at ${end}`)
  }
  // Compaction keeps the last record of every key: nothing is lost that a table would show.
  const isCompacted = inboxes.some(({ spec }) => spec.name === at.topic && spec.cleanup === "compact")
  if (position.stored < begin && !isCompacted) {
    return yield* fail(
      "InboxOverrun",
      `offsets ${position.stored} to ${begin - 1} were deleted before they were applied`
    )
  }
  return { position, topicId, read: Math.max(position.stored, begin), end }
})
