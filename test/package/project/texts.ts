import { Context, Effect, Layer, Schema } from "effect"

/** The text may have gone out, or not. */
export class NoAnswer extends Schema.TaggedError<NoAnswer>()("NoAnswer", { message: Schema.String }) {}

/** Sends text messages. Two calls with one idempotency key send one. */
export class Texts extends Context.Service<
  Texts,
  { send(idempotencyKey: string, parcel: string, text: string): Effect.Effect<void, NoAnswer> }
>()("parcels/Texts") {
  /** Stands in for a provider: writes to the log. */
  static readonly logged = Layer.succeed(Texts, {
    send: (_key, parcel, text) => Effect.logInfo(`${parcel}: ${text}`)
  })
}
