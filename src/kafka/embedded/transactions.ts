import { Result } from "effect"
import { TransactionError } from "../errors.ts"
import type { KafkaError } from "../errors.ts"
import type { Transaction } from "../kafka.ts"
import { staleness } from "./groups.ts"
import { kinds } from "./log.ts"
import type { Log } from "./log.ts"
import { append, findLog, findLogs } from "./state.ts"
import type { OpenTransaction, State, TransactorState } from "./state.ts"

/** A transactor's right to write: its id, and the epoch it was given. */
export interface Lease {
  readonly id: string
  readonly epoch: number
}

/** Reads the transactional ids back at start, and aborts what a dead process left open: its owner is gone with it. */
export const recoverTransactions = (state: State): void => {
  const { db } = state.storage
  for (const row of db.prepare("SELECT * FROM transactors").all()) {
    const id = String(row["id"])
    const [producer, epoch] = [Number(row["producer"]), Number(row["epoch"])]
    state.transactors.set(id, { id, producer, epoch, timedOut: false, open: undefined })
  }
  for (const row of db.prepare("SELECT * FROM open_transactions").all()) {
    const log = state.logs.get(Number(row["log"]))
    if (log !== undefined) endIn(state, log, Number(row["producer"]), Number(row["first"]), false)
  }
  db.exec("DELETE FROM open_transactions")
}

/** InitProducerId: ends what is open and gives out the next epoch, which fences all earlier ones. */
export const initTransactor = (state: State, id: string): Lease => {
  const { db } = state.storage
  const known = state.transactors.get(id)
  if (known === undefined) {
    const producer = Number(
      db.prepare("UPDATE broker SET producers = producers + 1 RETURNING producers").get()?.["producers"]
    )
    state.transactors.set(id, { id, producer, epoch: 0, timedOut: false, open: undefined })
    db.prepare("INSERT INTO transactors VALUES (?, ?, 0)").run(id, producer)
    return { id, epoch: 0 }
  }
  if (known.open !== undefined) end(state, known, known.open, false)
  return { id, epoch: nextEpoch(state, known, false) }
}

const nextEpoch = (state: State, transactor: TransactorState, timedOut: boolean): number => {
  transactor.epoch++
  transactor.timedOut = timedOut
  state.storage.db.prepare("UPDATE transactors SET epoch = ? WHERE id = ?").run(transactor.epoch, transactor.id)
  return transactor.epoch
}

const checkLease = (state: State, lease: Lease): Result.Result<TransactorState, TransactionError> => {
  const transactor = state.transactors.get(lease.id)
  if (transactor?.epoch === lease.epoch) return Result.succeed(transactor)
  // After a time-out the epoch is the broker's: nobody else has taken the id, and a new transactor is all it needs.
  if (transactor?.timedOut === true && transactor.epoch === lease.epoch + 1) {
    return Result.fail(
      new TransactionError({ outcome: "unclear", message: `the transaction of ${lease.id} took too long` })
    )
  }
  return Result.fail(
    new TransactionError({ outcome: "fenced", message: `another transactor has taken ${lease.id} over` })
  )
}

/**
 * Writes a transaction's records and holds its offsets: open until `endTransaction`, also where the answer is a failure
 * (as with Kafka, what was written before the refusal stays in the log, and is to be aborted).
 */
export const writeTransaction = (
  state: State,
  lease: Lease,
  { offsets, records }: Transaction
): Result.Result<void, TransactionError> => {
  const leased = checkLease(state, lease)
  if (Result.isFailure(leased)) return Result.fail(leased.failure)
  const transactor = leased.success
  const logs = findLogs(state, records)
  if (Result.isFailure(logs)) return Result.fail(refusal(logs.failure))
  const open = (transactor.open ??= { logs: new Map(), groups: new Set(), onEnd: undefined })
  for (const log of new Set(logs.success)) {
    if (open.logs.has(log)) continue
    // The transaction's first record must not share a batch, or the last stable offset would cut one.
    state.storage.seal(log)
    open.logs.set(log, log.next)
    log.open.set(transactor.producer, log.next)
    state.storage.db
      .prepare("INSERT INTO open_transactions VALUES (?, ?, ?)")
      .run(transactor.producer, log.id, log.next)
  }
  append(state, records, logs.success, transactor.producer)
  if (offsets === undefined) return Result.void
  return holdOffsets(state, transactor, open, offsets)
}

const holdOffsets = (
  state: State,
  { producer }: TransactorState,
  open: OpenTransaction,
  { committed, membership }: NonNullable<Transaction["offsets"]>
): Result.Result<void, TransactionError> => {
  const stale = staleness(state.groups.get(membership.group), membership)
  if (stale !== undefined) return Result.fail(new TransactionError({ outcome: "stale", message: stale }))
  open.groups.add(membership.group)
  for (const { offset, partition, topic } of committed) {
    const log = findLog(state, { topic, partition })
    if (Result.isFailure(log)) return Result.fail(refusal(log.failure))
    state.offsets.hold(membership.group, producer, log.success.id, offset)
  }
  return Result.void
}

const refusal = (error: KafkaError): TransactionError =>
  new TransactionError({ outcome: "refused", message: error.message, cause: error })

/** EndTxn. Without an open transaction there is nothing to do. */
export const endTransaction = (
  state: State,
  lease: Lease,
  committed: boolean
): Result.Result<void, TransactionError> => {
  const leased = checkLease(state, lease)
  if (Result.isFailure(leased)) return Result.fail(leased.failure)
  const { open } = leased.success
  if (open !== undefined) end(state, leased.success, open, committed)
  return Result.void
}

/** Aborts a transaction that is still open under this lease, and fences its owner (KIP-98: transaction.timeout.ms). */
export const expireTransaction = (state: State, lease: Lease, expected: OpenTransaction): void => {
  const transactor = state.transactors.get(lease.id)
  if (transactor?.open !== expected) return
  end(state, transactor, expected, false)
  nextEpoch(state, transactor, true)
}

const end = (state: State, transactor: TransactorState, open: OpenTransaction, committed: boolean): void => {
  transactor.open = undefined
  open.onEnd?.()
  for (const [log, first] of open.logs) if (!log.deleted) endIn(state, log, transactor.producer, first, committed)
  for (const group of open.groups) state.offsets.end(group, transactor.producer, committed)
  state.storage.db.prepare("DELETE FROM open_transactions WHERE producer = ?").run(transactor.producer)
}

const endIn = (state: State, log: Log, producer: number, first: number, committed: boolean): void => {
  if (!committed) state.storage.abort(log, producer, first)
  state.storage.mark(log, producer, committed ? kinds.commitMarker : kinds.abortMarker)
  log.open.delete(producer)
  state.touched.add(log)
}
