import { Context, DateTime, Duration, Effect, Random, Schema } from "effect"
import { Actor, type Turn } from "../../src/index.ts"
import { isSameRenew } from "./renew.ts"
import { Payments, type Unavailable } from "./payments.ts"
import {
  type Charge,
  chargeOf,
  failedAs,
  givenUp,
  nextOf,
  revived,
  Subscription,
  taken,
  told,
  without
} from "./subscription.ts"
import { type ChargeRecord, charges, type Subscribe, subscriptions } from "./topics.ts"

/** A charge is given up: its due time becomes a dead letter. */
export class ChargeFailed extends Schema.TaggedError<ChargeFailed>()("ChargeFailed", { message: Schema.String }) {}

/** Waits before the retries of a charge; the last one goes on. */
const delays = ["5 seconds", "1 minute", "10 minutes", "1 hour", "6 hours"] as const

/** How often a charge is tried again before it is given up. Read at every attempt, so that it may change at any time. */
export const RetryLimit = Context.Reference<Effect.Effect<number>>("renewals/RetryLimit", {
  defaultValue: () => Effect.succeed(delays.length)
})

/** Due times of one user that may wait while another is retried. */
const mostPending = 100

const longestReason = 500

type State = Subscription | null
type RenewalTurn = Turn<string, "due" | "retry">

const millis = (turn: RenewalTurn): number => DateTime.toEpochMillis(turn.time)
const iso = (millis: number): string => DateTime.formatIso(DateTime.makeUnsafe(millis))
/** The idempotency key of a due time, as the timer's turn has it; the due time is its end. */
const keyOf = (turn: RenewalTurn, due: number): string => `renewals/${turn.key}/due/${iso(due)}`
const dueOf = ({ idempotencyKey }: RenewalTurn): number =>
  DateTime.toEpochMillis(DateTime.makeUnsafe(idempotencyKey.slice(idempotencyKey.lastIndexOf("/") + 1)))

/** Writes down what became of an attempt, for the view and for whoever follows the channel. */
const record = Effect.fnUntraced(function* (
  turn: RenewalTurn,
  state: Subscription,
  charge: Charge,
  result: Pick<ChargeRecord, "state" | "reason">
) {
  const { amount, attempts, currency, idempotencyKey } = charge
  const due = iso(charge.due)
  const subscription = told(state)
  yield* turn.emit(charges, turn.key, {
    _tag: "Charge",
    due,
    attempts,
    amount,
    currency,
    idempotencyKey,
    ...result,
    subscription
  })
  if (result.state === "cancelled") return
  const status = { kind: "renewal", userId: turn.key, state: result.state, attempt: attempts, due }
  yield* turn.report(state.terms.channel, status)
})

/** Up to a fifth longer, so that those who failed together do not come again together. */
const retryDelay = Effect.fnUntraced(function* (attempts: number, retryAfter = 0) {
  const delay = Duration.toMillis(delays[Math.min(attempts, delays.length) - 1]!)
  return Math.ceil(Math.max(delay, retryAfter * 1_000) * (1 + (yield* Random.next) / 5))
})

/** The next charge that waits is tried at once, as a turn of its own. */
const goOn = (turn: RenewalTurn, state: Subscription): Effect.Effect<void> =>
  state.pending.length === 0 ? Effect.void : turn.set("retry", { after: 0 })

/** The timer `due` always waits for the first due time that is not taken. */
const arm = (turn: RenewalTurn, state: Subscription): Effect.Effect<void> => {
  const next = nextOf(state)
  return next === undefined ? turn.cancel("due") : turn.set("due", { at: DateTime.makeUnsafe(next) })
}

/** Tries the first pending charge. A wait is a timer of the user's own, so that a cancel never stands behind it. */
const attempt = Effect.fnUntraced(function* (state: Subscription, turn: RenewalTurn) {
  const [first, ...later] = state.pending
  if (first === undefined) return state
  const charge = { ...first, attempts: first.attempts + 1 }
  const payments = yield* Payments
  const limit = yield* yield* RetryLimit
  const failure = yield* payments.charge(charge.idempotencyKey, turn.key, charge.amount, charge.currency).pipe(
    Effect.as<Unavailable | undefined>(undefined),
    Effect.catchTags({
      Declined: ({ reason }) => Effect.fail(new ChargeFailed({ message: `declined: ${reason}` })),
      Unavailable: (error) => Effect.succeed(error)
    })
  )
  if (failure === undefined) {
    const charged = without(state, charge)
    yield* goOn(turn, charged)
    yield* record(turn, charged, charge, { state: "charged" })
    return charged
  }
  if (charge.attempts > limit) return yield* new ChargeFailed({ message: `given up: ${failure.reason}` })
  const retrying = { ...state, pending: [charge, ...later] }
  yield* turn.set("retry", { after: yield* retryDelay(charge.attempts, failure.retryAfter) })
  yield* record(turn, retrying, charge, { state: "retrying", reason: failure.reason.slice(0, longestReason) })
  return retrying
})

/** What came due and has not had its turn (nobody ran, say) is owed on the terms it came due on. */
const takeOverdue = Effect.fnUntraced(function* (state: Subscription, turn: RenewalTurn) {
  const due = nextOf(state)
  if (due === undefined || due > millis(turn)) return state
  if (state.pending.length === 0) yield* turn.set("retry", { after: 0 })
  return taken(state, chargeOf(state, due, keyOf(turn, due)), millis(turn))
})

const subscribe = Effect.fnUntraced(function* (
  before: State,
  terms: Subscribe,
  turn: RenewalTurn
): Effect.fn.Return<Subscription> {
  const now = millis(turn)
  if (before === null) return { terms, since: now, takenUntil: now, pending: [], failed: [] }
  const state = yield* takeOverdue(before, turn)
  return isSameRenew(before.terms.renew, terms.renew)
    ? { ...state, terms }
    : { ...state, terms, since: now, takenUntil: Math.max(state.takenUntil, now) }
})

const cancel = Effect.fnUntraced(function* (state: Subscription, turn: RenewalTurn) {
  yield* turn.cancel("due")
  yield* turn.cancel("retry")
  for (const charge of state.pending) yield* record(turn, state, charge, { state: "cancelled" })
  yield* turn.emit(charges, turn.key, { _tag: "Cancelled" })
  return null
})

/** A turn with the id of a dead letter is its replay: the charge is tried once more. */
const replay = (state: Subscription, charge: Charge, turn: RenewalTurn) => {
  const waiting = revived(state, charge)
  return state.pending.length === 0 ? attempt(waiting, turn) : Effect.succeed(waiting)
}

/**
 * Renews subscriptions: a durable timer per user names each due time, and that name is the idempotency key of its charge. A charge
 * that may yet succeed is retried by a second timer; one that will not is a dead letter, and the next period goes on.
 */
export const renewals = Actor.make("renewals", {
  inbox: subscriptions,
  emits: [charges],
  state: Schema.NullOr(Subscription),
  initial: null,
  timers: ["due", "retry"]
})
  .handle({
    message: Effect.fnUntraced(function* (state, message, turn) {
      if (message._tag === "Cancel") return state === null ? null : yield* cancel(state, turn)
      const next = yield* subscribe(state, message, turn)
      yield* arm(turn, next)
      yield* turn.emit(charges, turn.key, { _tag: "Scheduled", subscription: told(next) })
      return next
    }),
    timer: {
      due: Effect.fnUntraced(function* (state, turn) {
        if (state === null) return state
        const failed = failedAs(state, turn.idempotencyKey)
        if (failed !== undefined) return yield* replay(state, failed, turn)
        const due = dueOf(turn)
        if (due <= state.takenUntil) return yield* Effect.as(arm(turn, state), state)
        if (state.pending.length >= mostPending) {
          return yield* new ChargeFailed({ message: `${mostPending} earlier charges wait` })
        }
        const opened = taken(state, chargeOf(state, due, turn.idempotencyKey), millis(turn))
        yield* arm(turn, opened)
        return state.pending.length === 0 ? yield* attempt(opened, turn) : opened
      }),
      retry: Effect.fnUntraced(function* (state, turn) {
        if (state === null) return state
        const failed = failedAs(state, turn.idempotencyKey)
        return yield* failed === undefined ? attempt(state, turn) : replay(state, failed, turn)
      })
    },
    // Declined, retried too often, or the payment port itself is broken: this charge is over, the subscription is not.
    deadLetter: Effect.fnUntraced(function* (state, { attempts, cause, id, source }, turn) {
      if (state === null || !("timer" in source)) return state
      const due = DateTime.toEpochMillis(source.due)
      const charge = failedAs(state, id) ?? (source.timer === "retry" ? state.pending[0] : chargeOf(state, due, id))
      if (charge === undefined) return state
      const failed = { ...charge, attempts: charge.attempts + attempts }
      const after = givenUp(taken(state, charge, millis(turn)), failed, id)
      // A due time that fails leaves those before it to their own timer.
      yield* source.timer === "retry" ? goOn(turn, after) : arm(turn, after)
      yield* record(turn, after, failed, { state: "failed", reason: cause.slice(0, longestReason) })
      return after
    })
  })
  .errors({ ChargeFailed: "dead-letter" })
