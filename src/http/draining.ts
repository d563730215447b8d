import { Context, Deferred, Effect, Layer } from "effect"

/** Tells those who hold connections open that the server is shutting down. */
export class Draining extends Context.Service<
  Draining,
  {
    /** Waits until the server begins to shut down. */
    readonly begun: Effect.Effect<void>
    readonly begin: Effect.Effect<void>
  }
>()("sixfold/http/Draining") {
  static readonly layer: Layer.Layer<Draining> = Layer.effect(
    Draining,
    Effect.map(Deferred.make<void>(), (deferred) => ({
      begun: Deferred.await(deferred),
      begin: Effect.asVoid(Deferred.succeed(deferred, undefined))
    }))
  )
}
