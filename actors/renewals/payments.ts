import { Context, Effect, Layer, Schema } from "effect"

/** The customer's bank, or the gateway, said no: asking again will not help. */
export class Declined extends Schema.TaggedError<Declined>()("Declined", { reason: Schema.String }) {}

/** No answer, or one that says nothing about the charge: it may have been made. `retryAfter` in seconds, where the gateway asked for it. */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", {
  reason: Schema.String,
  retryAfter: Schema.optionalKey(Schema.Finite)
}) {}

/** The port to whoever moves the money. Two calls with one idempotency key make one charge. */
export class Payments extends Context.Service<
  Payments,
  {
    /** @param amount in minor units of the currency (ISO 4217) */
    charge(
      idempotencyKey: string,
      userId: string,
      amount: number,
      currency: string
    ): Effect.Effect<void, Declined | Unavailable>
  }
>()("renewals/Payments") {
  /** Charges everything, and moves no money. */
  static readonly sandbox = Layer.succeed(Payments, Payments.of({ charge: () => Effect.void }))
}
