import { Clock, Effect } from "effect"
import { TransactionError } from "../errors.ts"
import type { KafkaError, TransactionOutcome } from "../errors.ts"
import type { Transaction, Transactor } from "../kafka.ts"
import { again, done, retrying } from "./backoff.ts"
import type { Attempt } from "./backoff.ts"
import * as Buffers from "./buffers.ts"
import type { ConnectionError, Connections } from "./connections.ts"
import * as Coordinator from "./coordinator.ts"
import type { Metadata } from "./metadata.ts"
import { initProducerId } from "./produce-api.ts"
import { errorName, isTransient, refused } from "./protocol-error.ts"
import type { Settings } from "./settings.ts"
import { addOffsetsToTxn, addPartitionsToTxn, endTxn, txnOffsetCommit } from "./transaction-api.ts"
import type { Transactional } from "./transaction-api.ts"
import { both, Stopped, verdict } from "./transaction-outcome.ts"
import * as Steps from "./transaction-steps.ts"
import * as Writes from "./transaction-writes.ts"

/** An end that fails leaves the transaction open: the next one of this epoch would carry its records along. */
const unended = ({ cause, message, outcome }: Stopped, before = "") =>
  new Stopped({ outcome: outcome === "fenced" ? outcome : "unclear", message: before + message, cause })

/** Bytes of buffers a transactor keeps for its next transactions. */
const keptBytes = 4 * 1024 * 1024

/**
 * The protocol of KIP-98 and KIP-447: InitProducerId once; then, for each transaction, AddPartitionsToTxn and AddOffsetsToTxn,
 * Produce and TxnOffsetCommit, EndTxn. `connections` are this transactor's own.
 */
export const make = Effect.fnUntraced(function* (
  settings: Settings,
  metadata: Metadata,
  connections: Connections,
  options: { readonly transactionalId: string; readonly timeout?: number }
): Effect.fn.Return<Transactor, KafkaError> {
  const { transactionalId } = options
  const timeout = options.timeout ?? 10_000
  const coordinator = Coordinator.make(metadata, connections, { type: "transaction", key: transactionalId })
  const groups = new Map<string, Coordinator.Coordinator>()
  const coordinatorOf = (group: string) => {
    const found = groups.get(group) ?? Coordinator.make(metadata, connections, { type: "group", key: group })
    groups.set(group, found)
    return found
  }

  /**
   * A request that nobody answered may arrive late: one for the id fences this epoch, and one that opens a transaction leaves that to the
   * broker's sweep, which fences as well.
   */
  let floats = false
  const unanswered = () => {
    floats = true
  }

  const takeOver = Effect.fnUntraced(function* (): Effect.fn.Return<
    Attempt<Transactional>,
    ConnectionError | KafkaError
  > {
    const broker = yield* coordinator.await(settings.patience)
    const answer = yield* Effect.tapError(
      connections.request(broker, initProducerId, { transactionalId, timeout }),
      (error) =>
        Effect.sync(() => {
          if (error.sent) unanswered()
          coordinator.moved()
        })
    )
    const error = errorName(answer.errorCode)
    if (error === "NONE")
      return done({ transactionalId, producerId: answer.producerId, producerEpoch: answer.producerEpoch })
    if (error === "NOT_COORDINATOR") coordinator.moved()
    const why = refused(error, `transactional id ${transactionalId} (transaction time-out ${timeout} ms)`)
    // The transaction its last owner left open is being aborted: CONCURRENT_TRANSACTIONS until it is.
    return isTransient(error) ? again(why) : yield* why
  })
  const identity = yield* retrying(settings.patience, takeOver)
  const buffers = Buffers.make(keptBytes)
  const writes = Writes.make(settings, metadata, connections, identity)

  /** How the transactor ended, if it has. */
  let over: Stopped | undefined
  let openedAt = 0

  /** A transaction that outlived its time-out was aborted and fenced by the broker itself: nobody else need have taken the id over. */
  const fencedOrLate = Effect.map(Clock.currentTimeMillis, (now): TransactionOutcome =>
    floats || now - openedAt >= timeout ? "unclear" : "fenced"
  )

  const stop = Effect.fnUntraced(function* (error: string, what: string) {
    const judged = verdict(error)
    const message = `${what}: ${error}`
    if (judged === "fenced") return yield* new Stopped({ outcome: yield* fencedOrLate, message })
    return yield* new Stopped({
      outcome: judged === "lost" ? "unclear" : judged === "retry" ? "aborted" : judged,
      message
    })
  })

  const { perform } = Steps.make(metadata, connections, { stop, unanswered })

  /** `begun`: the coordinator is known to have the transaction open. */
  const end = (commit: boolean, begun: boolean, deadline: number) =>
    perform(
      {
        what: `${commit ? "commit" : "abort"} of transactional id ${transactionalId}`,
        api: endTxn,
        coordinator,
        input: { ...identity, commit },
        // A transaction that nothing was added to needs no abort.
        errorCodes: ({ errorCode }) => [!begun && errorName(errorCode) === "INVALID_TXN_STATE" ? 0 : errorCode],
        repeatable: false
      },
      deadline
    )

  const addPartitions = (partitions: Writes.Prepared, deadline: number) =>
    perform(
      {
        what: `partitions of a transaction of ${transactionalId}`,
        api: addPartitionsToTxn,
        coordinator,
        input: { ...identity, partitions: partitions.map(({ partition, topic }) => ({ topic, partition })) },
        partitions,
        errorCodes: ({ resultsByTransaction }) =>
          resultsByTransaction
            .flatMap(({ topicResults }) =>
              topicResults.flatMap(({ resultsByPartition }) =>
                resultsByPartition.map(({ partitionErrorCode }) => partitionErrorCode)
              )
            )
            .filter((code) => errorName(code) !== "OPERATION_NOT_ATTEMPTED"),
        repeatable: true
      },
      deadline
    )

  const addOffsets = (group: string, deadline: number) =>
    perform(
      {
        what: `group ${group} in a transaction of ${transactionalId}`,
        api: addOffsetsToTxn,
        coordinator,
        input: { ...identity, group },
        errorCodes: ({ errorCode }) => [errorCode],
        repeatable: true
      },
      deadline
    )

  const commitOffsets = ({ committed, membership }: NonNullable<Transaction["offsets"]>, deadline: number) =>
    perform(
      {
        what: `offsets of group ${membership.group}, member ${membership.memberId}, generation ${membership.generation}`,
        api: txnOffsetCommit,
        coordinator: coordinatorOf(membership.group),
        input: { ...identity, membership, committed },
        partitions: committed,
        errorCodes: ({ topics }) => topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode)),
        repeatable: false
      },
      deadline
    )

  const run = Effect.fnUntraced(function* ({ offsets, records }: Transaction): Effect.fn.Return<void, Stopped> {
    const prepared = yield* Writes.prepare(records, settings, buffers)
    openedAt = yield* Clock.currentTimeMillis
    // The commit itself needs some of the transaction's time too.
    const deadline = openedAt + timeout * 0.8
    let begun = false
    const written = yield* Effect.result(
      Effect.gen(function* () {
        yield* both(
          prepared.length === 0 ? Effect.void : addPartitions(prepared, deadline),
          offsets === undefined ? Effect.void : addOffsets(offsets.membership.group, deadline)
        )
        begun = true
        yield* both(
          writes.write(prepared, deadline, stop),
          offsets === undefined ? Effect.void : commitOffsets(offsets, deadline)
        )
      })
    )
    if (written._tag === "Success") return yield* Effect.mapError(end(true, begun, openedAt + timeout), unended)
    const stopped = written.failure
    if (stopped.outcome === "unclear" || stopped.outcome === "fenced") return yield* stopped
    yield* Effect.mapError(end(false, begun, openedAt + timeout), (failed) =>
      unended(failed, `${stopped.message}; then `)
    )
    return yield* stopped
  })

  /** Sets the transactor's end before it starts, and takes it back when the outcome is known: an interrupted commit is an unclear one. */
  const once = Effect.fnUntraced(function* (transaction: Transaction): Effect.fn.Return<void, Stopped> {
    over = new Stopped({ outcome: "unclear", message: `a commit of ${transactionalId} was interrupted` })
    const result = yield* Effect.result(run(transaction))
    const finished =
      result._tag === "Success" || (result.failure.outcome !== "unclear" && result.failure.outcome !== "fenced")
    over = finished ? undefined : result.failure
    if (result._tag === "Failure") return yield* result.failure
  })

  const commit: Transactor["commit"] = (transaction) =>
    Effect.suspend((): Effect.Effect<void, Stopped> => {
      if (over !== undefined) return Effect.fail(over)
      const empty = transaction.records.length === 0 && (transaction.offsets?.committed.length ?? 0) === 0
      if (empty) return Effect.void
      return once(transaction)
    }).pipe(
      Effect.mapError(
        ({ cause, message, outcome }) =>
          new TransactionError({ outcome, message, ...(cause === undefined ? {} : { cause }) })
      )
    )

  return { commit }
})
