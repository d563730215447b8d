import { Data, Effect } from "effect"
import type { TransactionOutcome } from "../errors.ts"
import { isTransient } from "./protocol-error.ts"

/**
 * What an error code inside a transaction means: ask again, or one of the outcomes once the transaction has been aborted.
 *
 * - `retry`: the request can be repeated within this transaction.
 * - `lost`: the transaction cannot be ended properly from here: a new epoch is needed (reported as `unclear`).
 */
export type Verdict = "retry" | "lost" | Exclude<TransactionOutcome, "unclear">

const verdicts: Record<string, Verdict> = {
  // The transaction of the same id before this one is still being completed.
  CONCURRENT_TRANSACTIONS: "retry",
  UNKNOWN_TOPIC_OR_PARTITION: "retry",

  MESSAGE_TOO_LARGE: "refused",
  RECORD_LIST_TOO_LARGE: "refused",
  INVALID_RECORD: "refused",
  INVALID_TIMESTAMP: "refused",
  UNSUPPORTED_COMPRESSION_TYPE: "refused",

  ILLEGAL_GENERATION: "stale",
  UNKNOWN_MEMBER_ID: "stale",
  FENCED_INSTANCE_ID: "stale",
  REBALANCE_IN_PROGRESS: "stale",

  INVALID_PRODUCER_EPOCH: "fenced",
  PRODUCER_FENCED: "fenced",
  TRANSACTION_COORDINATOR_FENCED: "fenced",

  // The broker's picture of this producer and ours have come apart.
  OUT_OF_ORDER_SEQUENCE_NUMBER: "lost",
  DUPLICATE_SEQUENCE_NUMBER: "lost",
  UNKNOWN_PRODUCER_ID: "lost",
  // The coordinator has another producer id for the transactional id, or has forgotten it (after a week without a transaction).
  INVALID_PRODUCER_ID_MAPPING: "lost",
  INVALID_TXN_STATE: "lost",
  UNKNOWN_SERVER_ERROR: "lost"
}

/** Whatever is not named (missing rights, an unknown group) leaves the transaction to be aborted and perhaps tried again. */
export const verdict = (name: string): Verdict => verdicts[name] ?? (isTransient(name) ? "retry" : "aborted")

/** Why a transaction cannot go on to its commit. */
export class Stopped extends Data.TaggedError("Stopped")<{
  readonly outcome: TransactionOutcome
  readonly message: string
  readonly cause?: unknown
}> {}

const severity: Record<TransactionOutcome, number> = { aborted: 0, stale: 1, refused: 2, unclear: 3, fenced: 4 }

/** Of several failures of one transaction, the one that decides; at least one. */
export const worst = (failures: ReadonlyArray<Stopped>): Stopped =>
  failures.reduce((one, other) => (severity[other.outcome] > severity[one.outcome] ? other : one))

/** Both to their end, also when one fails: an interrupted request would be one more of which nothing is known. */
export const both = Effect.fnUntraced(function* (
  one: Effect.Effect<void, Stopped>,
  other: Effect.Effect<void, Stopped>
) {
  const results = yield* Effect.all([Effect.result(one), Effect.result(other)], { concurrency: 2 })
  const failures = results.flatMap((result) => (result._tag === "Failure" ? [result.failure] : []))
  if (failures.length > 0) return yield* worst(failures)
})
