import { DateTime, Option, Schema } from "effect"
import { nextDue, type When } from "../../src/index.ts"
import { scheduleOf, StoredRenew } from "./renew.ts"
import { Subscribe, type Subscribed } from "./topics.ts"

/** Milliseconds since the epoch. */
const Millis = Schema.Int

/** A due time that is to be charged, on the terms of that time. Whatever happens, its key stays the same. */
export const Charge = Schema.Struct({
  due: Millis,
  idempotencyKey: Schema.String,
  amount: Schema.Int,
  currency: Schema.String,
  /** Attempts so far. */
  attempts: Schema.Int
})
export type Charge = typeof Charge.Type

/** Charges given up that can still be tried again. */
const mostFailed = 24

/** One user's subscription. */
export const Subscription = Schema.Struct({
  terms: Schema.Struct({ ...Subscribe.fields, renew: StoredRenew }),
  /** When this schedule began: what its due times count from where `renew` does not say. */
  since: Millis,
  /** Due times up to this one are taken: charged, being charged, given up, or before the schedule began. */
  takenUntil: Millis,
  /** Due and not yet charged, in order. The first is being retried. */
  pending: Schema.Array(Charge),
  /** Given up, the last of them, each with the id of its dead letter: an operator may replay it. */
  failed: Schema.Array(Schema.Struct({ letter: Schema.String, charge: Charge }))
})
export type Subscription = typeof Subscription.Type

const at = (millis: number): DateTime.Utc => DateTime.makeUnsafe(millis)

export const schedule = ({ since, terms }: Subscription): When => scheduleOf(terms.renew, at(since))

/** The first due time that is not taken, in milliseconds. */
export const nextOf = (state: Subscription): number | undefined =>
  Option.getOrUndefined(Option.map(nextDue(schedule(state), at(state.takenUntil)), DateTime.toEpochMillis))

export const chargeOf = ({ terms }: Subscription, due: number, idempotencyKey: string): Charge => ({
  due,
  idempotencyKey,
  amount: terms.amount,
  currency: terms.currency,
  attempts: 0
})

/** Takes a due time that has come: what else is due by `now` counts as one with it. */
export const taken = (state: Subscription, charge: Charge, now: number): Subscription => ({
  ...state,
  takenUntil: charge.due <= state.takenUntil ? state.takenUntil : Math.max(charge.due, now),
  pending: [...state.pending, charge]
})

export const without = (state: Subscription, { due }: Charge): Subscription => ({
  ...state,
  pending: state.pending.filter((charge) => charge.due !== due)
})

/** The charge is given up: it has become this dead letter. */
export const givenUp = (state: Subscription, charge: Charge, letter: string): Subscription => ({
  ...without(state, charge),
  failed: [...state.failed.filter((each) => each.letter !== letter), { letter, charge }].slice(-mostFailed)
})

/** The charge that became this dead letter. */
export const failedAs = ({ failed }: Subscription, letter: string): Charge | undefined =>
  failed.find((each) => each.letter === letter)?.charge

/** A given-up charge waits again, behind those that do. */
export const revived = (state: Subscription, charge: Charge): Subscription => ({
  ...state,
  pending: [...state.pending, charge],
  failed: state.failed.filter((each) => each.charge.due !== charge.due)
})

/** As a record tells of it. */
export const told = (state: Subscription): Subscribed => {
  const { amount, currency, plan, renew } = state.terms
  const next = nextOf(state)
  return { plan, amount, currency, renew, next: next === undefined ? null : DateTime.formatIso(at(next)) }
}
