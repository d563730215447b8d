import { protocolErrorsCodesById } from "@platformatic/kafka"
import { KafkaError } from "../errors.ts"
import type { TopicPartition } from "../records.ts"

/** The protocol's name of an error code: `NONE`, `NOT_LEADER_OR_FOLLOWER`, … */
export const errorName = (code: number): string => protocolErrorsCodesById[code] ?? `error code ${code}`

/** Answers that mean: ask again, perhaps someone else. Nothing is known to be wrong with the request. */
const transient = new Set([
  "CORRUPT_MESSAGE",
  "LEADER_NOT_AVAILABLE",
  "NOT_LEADER_OR_FOLLOWER",
  "REQUEST_TIMED_OUT",
  "BROKER_NOT_AVAILABLE",
  "REPLICA_NOT_AVAILABLE",
  "NETWORK_EXCEPTION",
  "COORDINATOR_LOAD_IN_PROGRESS",
  "COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR",
  "NOT_ENOUGH_REPLICAS",
  "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
  "NOT_CONTROLLER",
  "CONCURRENT_TRANSACTIONS",
  "KAFKA_STORAGE_ERROR",
  "FENCED_LEADER_EPOCH",
  "UNKNOWN_LEADER_EPOCH",
  "OFFSET_NOT_AVAILABLE",
  "UNSTABLE_OFFSET_COMMIT",
  "THROTTLING_QUOTA_EXCEEDED",
  "FETCH_SESSION_TOPIC_ID_ERROR"
])

export const isTransient = (name: string): boolean => transient.has(name)

const reasons: Record<string, KafkaError["reason"]> = {
  UNKNOWN_TOPIC_OR_PARTITION: "TopicMissing",
  UNKNOWN_TOPIC_ID: "TopicMissing",
  OFFSET_OUT_OF_RANGE: "OffsetOutOfRange",
  MESSAGE_TOO_LARGE: "RecordTooLarge",
  RECORD_LIST_TOO_LARGE: "RecordTooLarge",
  INVALID_RECORD: "InvalidRecord",
  INVALID_TIMESTAMP: "InvalidRecord",
  UNSUPPORTED_COMPRESSION_TYPE: "InvalidRecord",
  ILLEGAL_GENERATION: "StaleMember",
  UNKNOWN_MEMBER_ID: "StaleMember",
  FENCED_INSTANCE_ID: "StaleMember",
  REBALANCE_IN_PROGRESS: "StaleMember",
  INVALID_PRODUCER_EPOCH: "Fenced",
  PRODUCER_FENCED: "Fenced",
  TOPIC_AUTHORIZATION_FAILED: "Unauthorized",
  GROUP_AUTHORIZATION_FAILED: "Unauthorized",
  CLUSTER_AUTHORIZATION_FAILED: "Unauthorized",
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "Unauthorized",
  SASL_AUTHENTICATION_FAILED: "Unauthorized"
}

/** Whether an error about several topics is about this one. */
export const concerns = (error: KafkaError, topic: string): boolean =>
  error.topic === undefined || error.topic === topic

/** The typed error of an answer. `what` says what was asked and of whom. */
export const refused = (name: string, what: string, at?: Partial<TopicPartition>): KafkaError =>
  new KafkaError({
    reason: reasons[name] ?? (transient.has(name) ? "Unavailable" : "Refused"),
    message: `${what}: ${name}`,
    ...(at?.topic === undefined ? {} : { topic: at.topic }),
    ...(at?.partition === undefined ? {} : { partition: at.partition })
  })
