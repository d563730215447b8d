import { Schema } from "effect"

/**
 * Why a request to the broker failed.
 *
 * - `Unavailable`: no broker answered in time; the request may be sent again (producers and readers do so by themselves).
 * - `TopicMissing`: the topic or partition does not exist.
 * - `TopicMismatch`: it exists with another number of partitions or another clean-up policy than declared.
 * - `OffsetOutOfRange`: the offset asked for is no longer (retention) or not yet in the log.
 * - `RecordTooLarge`, `InvalidRecord`: the broker will never take this record.
 * - `CorruptBatch`: bytes that fail their checksum or cannot be parsed.
 * - `StaleMember`: the group knows this member or generation no more (ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID).
 * - `Fenced`: a producer with the same transactional id has started since (KIP-98, KIP-447).
 * - `Unauthorized`: TLS, SASL or an access list refused us.
 * - `Closed`: the client was closed while the request was under way.
 * - `Locked`: the data directory of the embedded broker belongs to another process.
 * - `Refused`: any other answer that does not change by asking again.
 */
export const KafkaErrorReason = Schema.Literals([
  "Unavailable",
  "TopicMissing",
  "TopicMismatch",
  "OffsetOutOfRange",
  "RecordTooLarge",
  "InvalidRecord",
  "CorruptBatch",
  "StaleMember",
  "Fenced",
  "Unauthorized",
  "Closed",
  "Locked",
  "Refused"
])
export type KafkaErrorReason = typeof KafkaErrorReason.Type

/** A request to the broker that failed. `message` names the broker, topic or setting concerned. */
export class KafkaError extends Schema.TaggedError<KafkaError>()("KafkaError", {
  reason: KafkaErrorReason,
  message: Schema.String,
  topic: Schema.optionalKey(Schema.String),
  partition: Schema.optionalKey(Schema.Int),
  /** Whatever lay beneath (a protocol error, a socket error); for logs only. */
  cause: Schema.optionalKey(Schema.Defect())
}) {}

/**
 * What is known after a transaction that did not succeed.
 *
 * - `aborted`: nothing of it is visible or ever will be; the same set may be committed again.
 * - `refused`: nothing of it is visible, and one of its records will never be taken (too large, invalid).
 * - `stale`: nothing of it is visible; the group refused the member or generation. After the next sync, commit for what is still owned.
 * - `unclear`: no answer; it may be committed, or be ended later by a request still on its way. Make a new transactor
 *   with the same transactional id (a new producer epoch) before anything else.
 * - `fenced`: another transactor with the same transactional id has been made. This one is over.
 */
export const TransactionOutcome = Schema.Literals(["aborted", "refused", "stale", "unclear", "fenced"])
export type TransactionOutcome = typeof TransactionOutcome.Type

/** A transaction that did not commit, or of which that is not known. After `unclear` and `fenced` its transactor is unusable. */
export class TransactionError extends Schema.TaggedError<TransactionError>()("TransactionError", {
  outcome: TransactionOutcome,
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}
