import { Schema } from "effect"

/**
 * Why a replica cannot run, as its operator must know it. Broker trouble is a `KafkaError`; these are ours.
 *
 * - `InstanceFenced`: another live process uses the same transactional id: two processes share an instance name.
 * - `PositionMismatch`: the group's committed offset and the changelog's position differ: offsets were reset by hand.
 * - `TopicRecreated`: the inbox is not the topic this state was made from.
 * - `InboxOverrun`: retention deleted messages that were never handled.
 * - `RestoreStalled`: the changelog does not reach its own end: it shrank, or a foreign transaction is open.
 * - `PartitionsChanged`: the inbox has another number of partitions than its state was made with: keys would be away from it.
 * - `MemoryExceeded`: the encoded states of a partition are more than its share of the actor's `memory`.
 * - `Escalated`: a handler's error, at `key`, was decided to be the supervisor's.
 */
export class ReplicaError extends Schema.TaggedError<ReplicaError>()("ReplicaError", {
  reason: Schema.Literals([
    "InstanceFenced",
    "PositionMismatch",
    "TopicRecreated",
    "InboxOverrun",
    "RestoreStalled",
    "PartitionsChanged",
    "MemoryExceeded",
    "Escalated"
  ]),
  actor: Schema.String,
  key: Schema.optionalKey(Schema.String),
  message: Schema.String
}) {}

/** A record that the broker would never take. It fails the attempt that emitted it. */
export class RecordTooLarge extends Schema.TaggedError<RecordTooLarge>()("RecordTooLarge", {
  topic: Schema.String,
  bytes: Schema.Int,
  limit: Schema.Int
}) {
  override get message(): string {
    return `a record of ${this.bytes} bytes for ${this.topic}, whose limit is ${this.limit}`
  }
}

/** A handler ran longer than the actor's time-out. */
export class TimedOut extends Schema.TaggedError<TimedOut>()("TimedOut", { after: Schema.String }) {
  override get message(): string {
    return `the handler ran for more than ${this.after}`
  }
}

/** The broker refused what this turn wrote, by itself. */
export class RecordRefused extends Schema.TaggedError<RecordRefused>()("RecordRefused", {}) {
  override get message(): string {
    return "the broker refused a record of this turn (too large, or invalid)"
  }
}

/** The actor has no such timer any more. */
export class TimerUnknown extends Schema.TaggedError<TimerUnknown>()("TimerUnknown", { message: Schema.String }) {}
