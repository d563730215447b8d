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
  if (SqlError.isSqlError(error)) return "SqlError"
  if (!Predicate.hasProperty(error, "_tag")) return undefined
  if (Predicate.hasProperty(error, "reason")) return `${String(error._tag)}/${String(error.reason)}`
  return Predicate.hasProperty(error, "outcome") ? `${String(error._tag)}/${String(error.outcome)}` : String(error._tag)
}

/** What a run failed with; none where it just ended. A defect beside a typed error counts for more. */
const errorOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) && !Cause.hasDies(exit.cause)
    ? Option.getOrUndefined(Cause.findErrorOption(exit.cause))
    : undefined

/** The error that a run ended with by its tag and reason: `ReplicaError/PositionMismatch`. None for a crash without one. */
export const errorName = (exit: Exit.Exit<unknown, unknown>): string | undefined => nameOf(errorOf(exit))

/** Why a child's run ended. A defect beside a typed error is still a crash; so is a run that just ends. */
export const ending = (exit: Exit.Exit<unknown, unknown>): Ending => {
  const error = errorOf(exit)
  if (SqlError.isSqlError(error)) return error.isRetryable ? "away" : "crash"
  return endings[nameOf(error) ?? ""] ?? "crash"
}
