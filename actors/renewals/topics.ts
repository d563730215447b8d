import { Schema } from "effect"
import { Topic } from "../../src/index.ts"
import { Renew, StoredRenew } from "./renew.ts"

/** What a user subscribes to: a plan, and an amount in minor units (cents) for each period. */
export const Terms = Schema.Struct({
  plan: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(200)),
  amount: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
  currency: Schema.String.check(Schema.isPattern(/^[A-Z]{3}$/, { expected: "three capital letters, as EUR" })),
  renew: Renew
})
export type Terms = typeof Terms.Type

/** A second `Subscribe` changes the terms; where `renew` stays the same, so do the due times. */
export const Subscribe = Schema.TaggedStruct("Subscribe", {
  ...Terms.fields,
  /** Where renewals are reported. */
  channel: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^[\w-]{1,200}$/)))
})
export type Subscribe = typeof Subscribe.Type

/** Part of a path, of a key and of an index: short, and text that every database holds. */
export const UserId = Schema.String.check(
  Schema.isPattern(/^[^\p{Cc}\p{Cs}]{1,256}$/u, {
    expected: "a user id of 1 to 256 characters, no control characters"
  })
)

/** Commands, keyed userId. */
export const subscriptions = Topic.make("subscriptions", {
  key: UserId,
  value: Schema.Union([Subscribe, Schema.TaggedStruct("Cancel", {})])
})

const Moment = Schema.String

/** A subscription as it is after a record: enough for a view that has seen none before. `next`: in ISO 8601, null where there is none. */
export const Subscribed = Schema.Struct({ ...Terms.fields, renew: StoredRenew, next: Schema.NullOr(Moment) })
export type Subscribed = typeof Subscribed.Type

/** An attempt to charge a due time, and how it ended. `failed` and `cancelled` are final, as `charged` is. */
const Charge = Schema.TaggedStruct("Charge", {
  due: Moment,
  state: Schema.Literals(["charged", "retrying", "failed", "cancelled"]),
  /** Attempts so far. */
  attempts: Schema.Int,
  amount: Schema.Int,
  currency: Schema.String,
  idempotencyKey: Schema.String,
  reason: Schema.optionalKey(Schema.String),
  subscription: Subscribed
})
export type ChargeRecord = typeof Charge.Type

/**
 * What `renewals` did, keyed userId: attempts to charge, and the schedule they follow. Kept for more than a year, so that a view
 * made anew knows every subscription that renews once a year.
 */
export const charges = Topic.make("charges", {
  key: UserId,
  value: Schema.Union([
    Charge,
    Schema.TaggedStruct("Scheduled", { subscription: Subscribed }),
    Schema.TaggedStruct("Cancelled", {})
  ]),
  cleanup: "400 days"
})
