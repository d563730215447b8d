import { Context, Effect, Layer, Queue } from "effect"
import process from "node:process"

export type Signal = "SIGINT" | "SIGTERM"

/** The signals that ask this process to stop, in the order they came. Whoever waits for one keeps the process alive. */
export class Signals extends Context.Service<Signals, { readonly next: Effect.Effect<Signal> }>()("sixfold/Signals") {
  /** Only the first two matter; the others are dropped. */
  static readonly layer: Layer.Layer<Signals> = Layer.effect(
    Signals,
    Effect.gen(function* () {
      const queue = yield* Queue.dropping<Signal>(2)
      // A listener for a signal does not keep the event loop going; a sleeper does.
      yield* Effect.forkScoped(Effect.forever(Effect.sleep("1 day")))
      for (const signal of ["SIGINT", "SIGTERM"] as const) {
        yield* Effect.acquireRelease(
          Effect.sync(() => {
            const listener = () => void Queue.offerUnsafe(queue, signal)
            process.on(signal, listener)
            return listener
          }),
          (listener) => Effect.sync(() => process.off(signal, listener))
        )
      }
      return Signals.of({ next: Queue.take(queue) })
    })
  )
}
