import { Effect } from "effect"
import { TransactionError } from "../kafka/errors.ts"
import type { KafkaError, TransactionOutcome } from "../kafka/errors.ts"
import type { Member, Producer, Transactor } from "../kafka/kafka.ts"

/**
 * Settles without a transaction, for actors that may act more than once: writes the records, and then commits the offsets. What fails
 * in between is written again. Nothing goes to the changelog: nobody would be fenced there.
 */
export const plainTransactor = (producer: Producer, member: Effect.Effect<Member>, changelog: string): Transactor => ({
  commit: Effect.fnUntraced(function* ({ offsets, records }) {
    const outputs = records.filter(({ topic }) => topic !== changelog)
    if (outputs.length > 0) yield* Effect.mapError(producer.send(outputs), failure)
    if (offsets === undefined) return
    const { commit } = yield* member
    yield* Effect.mapError(commit(offsets.membership, offsets.committed), failure)
  })
})

const failure = (cause: KafkaError): TransactionError =>
  new TransactionError({ outcome: outcomeOf(cause.reason), message: cause.message, cause })

const outcomeOf = (reason: KafkaError["reason"]): TransactionOutcome => {
  if (reason === "StaleMember") return "stale"
  return reason === "RecordTooLarge" || reason === "InvalidRecord" ? "refused" : "aborted"
}
