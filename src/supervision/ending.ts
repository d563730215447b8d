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

const endingOf = (error: unknown): Ending => {
  if (SqlError.isSqlError(error)) return error.isRetryable ? "away" : "crash"
  if (!Predicate.hasProperty(error, "_tag")) return "crash"
  const reason = Predicate.hasProperty(error, "reason")
    ? error.reason
    : Predicate.hasProperty(error, "outcome")
      ? error.outcome
      : ""
  return endings[`${String(error._tag)}/${String(reason)}`] ?? "crash"
}

/** Why a child's run ended. A defect beside a typed error is still a crash; so is a run that just ends. */
export const ending = (exit: Exit.Exit<unknown, unknown>): Ending =>
  Exit.isFailure(exit) && !Cause.hasDies(exit.cause)
    ? Option.match(Cause.findErrorOption(exit.cause), { onNone: () => "crash" as const, onSome: endingOf })
    : "crash"
