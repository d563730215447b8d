import { Cause, Exit, Option, Predicate } from "effect"
import { SqlError } from "effect/sql"
import type { Ending } from "./intensity.ts"

/** What the port and the runtime say in their errors, by tag and reason; whatever is not here is a crash. */
const endings: Readonly<Record<string, Ending>> = {
  "KafkaError/Unavailable": "away",
  "KafkaError/Fenced": "fenced",
  "KafkaError/TopicMismatch": "refused",
  "KafkaError/OffsetOutOfRange": "refused",
  "KafkaError/Unauthorized": "refused",
  "KafkaError/Refused": "refused",
  "TransactionError/fenced": "fenced",
  "ProjectionError/OtherLog": "refused",
  "ProjectionError/BeyondEnd": "refused",
  "ProjectionError/InboxOverrun": "refused",
  "ProjectionError/TooManyRefused": "refused",
  "ReplicaError/InstanceFenced": "fenced",
  "ReplicaError/PositionMismatch": "refused",
  "ReplicaError/TopicRecreated": "refused",
  "ReplicaError/InboxOverrun": "refused",
  "ReplicaError/RestoreStalled": "refused",
  "ReplicaError/PartitionsChanged": "refused",
  "ReplicaError/MemoryExceeded": "refused"
}

const nameOf = (error: unknown): string | undefined => {
  if (SqlError.isSqlError(error)) return `SqlError/${error.reason._tag}`
  if (!Predicate.hasProperty(error, "_tag")) return undefined
  if (Predicate.hasProperty(error, "reason")) return `${String(error._tag)}/${String(error.reason)}`
  return Predicate.hasProperty(error, "outcome") ? `${String(error._tag)}/${String(error.outcome)}` : String(error._tag)
}

/** What a run failed with; none where it just ended. A defect beside a typed error counts for more. */
const failureOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) && !Cause.hasDies(exit.cause)
    ? Option.getOrUndefined(Cause.findErrorOption(exit.cause))
    : undefined

/** The error that a run ended with. */
export interface Failure {
  /** By its tag and reason: `ReplicaError/PositionMismatch`. */
  readonly error: string
  /** Where it is one key's. */
  readonly key?: string
}

/** None for a crash without a typed error. */
export const failure = (exit: Exit.Exit<unknown, unknown>): Failure | undefined => {
  const failed = failureOf(exit)
  const error = nameOf(failed)
  if (error === undefined) return undefined
  const key = Predicate.hasProperty(failed, "key") ? failed.key : undefined
  return typeof key === "string" ? { error, key } : { error }
}

/** Why a child's run ended. A defect beside a typed error is still a crash; so is a run that just ends. */
export const ending = (exit: Exit.Exit<unknown, unknown>): Ending => {
  const error = failureOf(exit)
  if (SqlError.isSqlError(error)) return error.isRetryable ? "away" : "crash"
  return endings[nameOf(error) ?? ""] ?? "crash"
}
