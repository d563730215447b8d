import { Config, Context, Effect, Layer, Queue } from "effect"
import process from "node:process"

export type Signal = "SIGINT" | "SIGTERM" | "the end of npx"

/**
 * npx runs a program in a shell, and hands a signal on to that shell alone, which dies of it: what the program can notice is that its
 * parent is another one.
 */
const isUnderNpx = Config.String("npm_lifecycle_event").pipe(
  Effect.map((event) => event === "npx" && process.platform !== "win32"),
  Effect.orElseSucceed(() => false)
)

/** How often a program under npx looks. */
const look = "250 millis"

/** The signals that ask this process to stop, in the order they came. Whoever waits for one keeps the process alive. */
export class Signals extends Context.Service<Signals, { readonly next: Effect.Effect<Signal> }>()("sixfold/Signals") {
  /** Only the first two matter; the others are dropped. */
  static readonly layer: Layer.Layer<Signals> = Layer.effect(
    Signals,
    Effect.gen(function* () {
      const queue = yield* Queue.dropping<Signal>(2)
      // A listener for a signal does not keep the event loop going; a sleeper does.
      yield* Effect.forkScoped(Effect.forever(Effect.sleep("1 day")))
      let isHeard = false
      const tell = (signal: Signal) => {
        isHeard = true
        Queue.offerUnsafe(queue, signal)
      }
      if (yield* isUnderNpx) {
        const parent = process.ppid
        yield* Effect.sync(() => process.ppid !== parent).pipe(
          Effect.delay(look),
          Effect.repeat({ until: (isOrphan) => isOrphan }),
          // A signal to the whole group, as a terminal sends it, ends the shell as well: that is no second one.
          Effect.andThen(Effect.sync(() => isHeard || tell("the end of npx"))),
          Effect.forkScoped
        )
      }
      for (const signal of ["SIGINT", "SIGTERM"] as const) {
        yield* Effect.acquireRelease(
          Effect.sync(() => {
            const listener = () => tell(signal)
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
