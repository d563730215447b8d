import { Effect, Result } from "effect"
import type { Scope } from "effect"
import { TransactionError } from "../errors.ts"
import type { KafkaError } from "../errors.ts"
import type { Transaction, Transactor } from "../kafka.ts"
import { unanswered } from "./connection.ts"
import type { Connection, Unanswered } from "./connection.ts"
import type { State } from "./state.ts"
import { endTransaction, expireTransaction, initTransactor, writeTransaction } from "./transactions.ts"
import type { Lease } from "./transactions.ts"
import type { Writer } from "./writer.ts"

/** Runs an effect in the broker's scope, on its clock; answers how to stop it. */
export type Background = (effect: Effect.Effect<unknown>) => () => void

interface Options {
  readonly transactionalId: string
  /** Milliseconds. */
  readonly timeout: number
}

const outcomes: Partial<Record<KafkaError["reason"], TransactionError["outcome"]>> = {
  StaleMember: "stale",
  Fenced: "fenced",
  RecordTooLarge: "refused",
  InvalidRecord: "refused",
  TopicMissing: "refused",
  Refused: "refused"
}

type Failure = TransactionError | KafkaError | Unanswered

/** A failure while writing: whatever was written is aborted next, so the outcome is certain. */
const whileWriting = (failure: Failure): TransactionError => {
  if (failure._tag === "TransactionError") return failure
  if (failure._tag === "Unanswered")
    return new TransactionError({ outcome: "aborted", message: "no answer while writing" })
  const outcome = outcomes[failure.reason] ?? "aborted"
  return new TransactionError({ outcome, message: failure.message, cause: failure })
}

/** A failure while ending: the request may have happened, or may yet. */
const whileEnding = (failure: Failure): TransactionError => {
  if (failure._tag === "TransactionError") return failure
  if (failure._tag === "Unanswered")
    return new TransactionError({ outcome: "unclear", message: "no answer to the end of the transaction" })
  const outcome = failure.reason === "Fenced" ? "fenced" : "unclear"
  return new TransactionError({ outcome, message: failure.message, cause: failure })
}

const isOver = (error: TransactionError) => error.outcome === "unclear" || error.outcome === "fenced"

export const make = (
  state: State,
  writer: Writer,
  connection: Connection,
  background: Background,
  { timeout, transactionalId }: Options
): Effect.Effect<Transactor, KafkaError, Scope.Scope> =>
  Effect.gen(function* () {
    const subjects = [transactionalId]
    const init = writer.submit(() => Result.succeed(initTransactor(state, transactionalId)))
    const lease = yield* connection
      .perform({ kind: "init", subjects }, init)
      .pipe(Effect.catchTag("Unanswered", unanswered(`init ${transactionalId}`)))

    let over: TransactionError | undefined
    const end = (commits: boolean) =>
      connection
        .perform(
          { kind: "end", subjects, commits },
          writer.submit(() => endTransaction(state, lease, commits))
        )
        .pipe(Effect.mapError(whileEnding))

    /** Both halves in one request: nothing can come between them. */
    const atOnce = (transaction: Transaction) =>
      writer.submit(() => {
        const written = writeTransaction(state, lease, transaction)
        if (Result.isSuccess(written)) return endTransaction(state, lease, true)
        endTransaction(state, lease, false)
        return written
      }, transaction.records.length + 1)

    const write = (transaction: Transaction) =>
      writer.submit(() => {
        const written = writeTransaction(state, lease, transaction)
        watch(state, writer, background, lease, timeout)
        return written
      }, transaction.records.length + 1)

    const inHalves = Effect.fnUntraced(function* (transaction: Transaction) {
      const written = yield* connection.perform({ kind: "write", subjects }, write(transaction)).pipe(Effect.result)
      if (Result.isSuccess(written)) return yield* end(true)
      const failure = whileWriting(written.failure)
      if (!isOver(failure)) yield* end(false)
      return yield* failure
    })

    const commit = (transaction: Transaction): Effect.Effect<void, TransactionError> =>
      Effect.suspend(() => {
        if (over !== undefined) return Effect.fail(over)
        const done = connection.isPlain
          ? Effect.tap(Effect.mapError(atOnce(transaction), whileEnding), () => connection.alive)
          : inHalves(transaction)
        return done.pipe(
          Effect.tapError((error) => Effect.sync(() => (isOver(error) ? (over = error) : undefined))),
          // Nobody knows how far it came, as after a lost answer.
          Effect.onInterrupt(() => Effect.sync(() => (over = interrupted)))
        )
      })

    // A client that goes in order ends what it left open; one that crashed leaves it to the time-out.
    yield* Effect.addFinalizer(() =>
      connection.status === "up" ? Effect.ignore(writer.submit(() => endTransaction(state, lease, false))) : Effect.void
    )
    return { commit }
  })

const interrupted = new TransactionError({ outcome: "unclear", message: "an earlier commit was interrupted" })

/** A transaction that stays open longer than its time-out is aborted. */
const watch = (state: State, writer: Writer, background: Background, lease: Lease, timeout: number): void => {
  const open = state.transactors.get(lease.id)?.open
  if (open === undefined || open.onEnd !== undefined) return
  const expire = writer.submit(() => Result.succeed(expireTransaction(state, lease, open)))
  open.onEnd = background(Effect.andThen(Effect.sleep(timeout), Effect.ignore(expire)))
}
