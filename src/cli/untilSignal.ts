import { Cause, Effect, Exit, Fiber, Schema } from "effect"
import type { Scope } from "effect"
import { Signals } from "./signals.ts"

/** The drain did not end by itself; the process ends now. What was settled is safe, what was not is done again after the next start. */
export class DrainCut extends Schema.TaggedError<DrainCut>()("DrainCut", { message: Schema.String }) {}

/**
 * Runs a program until it fails or a signal comes. A signal closes its scope, which is the drain; a second signal, or the
 * limit in seconds, ends the wait for it at once.
 */
export const untilSignal = Effect.fnUntraced(function* <E, R>(
  program: Effect.Effect<never, E, R | Scope.Scope>,
  limit: number
) {
  const signals = yield* Signals
  // Not a child: an unfinished drain must not hold back whoever gave up on it.
  const fiber = yield* Effect.forkDetach(Effect.scoped(program))
  const first = yield* Effect.raceFirst(Fiber.await(fiber), signals.next).pipe(
    Effect.onInterrupt(() => Fiber.interrupt(fiber))
  )
  if (typeof first !== "string") return yield* first
  yield* Effect.logInfo(`${first}: draining, for at most ${limit} s`)
  const interrupted = Effect.as(Fiber.interrupt(fiber), undefined)
  const cut = Effect.map(signals.next, (second) => `${second} while draining`)
  const ended = yield* Effect.raceFirst(interrupted, cut).pipe(
    Effect.timeoutOrElse({
      duration: `${limit} seconds`,
      orElse: () => Effect.succeed(`not drained within ${limit} s`)
    })
  )
  if (ended !== undefined) return yield* new DrainCut({ message: `${ended}: stopped at once` })
  const exit = yield* Fiber.await(fiber)
  // A finalizer that failed is not a clean stop.
  if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) return yield* exit
  yield* Effect.logInfo("drained")
})
