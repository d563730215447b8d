import { Context, Effect, Layer } from "effect"
import type { Scope } from "effect"

/** Why the process is not ready. */
export interface Unready {
  readonly name: string
  readonly reason: string
}

/** Answers why not, or nothing when ready. Must be quick: no answer within a second is a reason of its own. */
export type ReadinessCheck = Effect.Effect<string | undefined>

const ask = ([name, check]: readonly [string, ReadinessCheck]): Effect.Effect<ReadonlyArray<Unready>> =>
  check.pipe(
    Effect.timeoutOrElse({ duration: "1 second", orElse: () => Effect.succeed("no answer") }),
    Effect.catchDefect((defect) => Effect.as(Effect.logError(`readiness of ${name}`, defect), "check failed")),
    Effect.map((reason) => (reason === undefined ? [] : [{ name, reason }]))
  )

/**
 * Whether this process should get requests: started, and its stores caught up. What is broken but would be no better
 * elsewhere (a broker that is away, a failed actor) does not belong here.
 */
export class Readiness extends Context.Service<
  Readiness,
  {
    /** Adds a check until the scope ends. A second check of the same name replaces the first. */
    register(name: string, check: ReadinessCheck): Effect.Effect<void, never, Scope.Scope>
    /** The reasons against; empty when ready. */
    readonly unready: Effect.Effect<ReadonlyArray<Unready>>
  }
>()("sixfold/http/Readiness") {
  static readonly layer: Layer.Layer<Readiness> = Layer.sync(Readiness, () => {
    const checks = new Map<string, ReadinessCheck>()
    return {
      register: (name, check) =>
        Effect.asVoid(
          Effect.acquireRelease(
            Effect.sync(() => checks.set(name, check)),
            () => Effect.sync(() => checks.get(name) === check && checks.delete(name))
          )
        ),
      unready: Effect.suspend(() =>
        Effect.map(Effect.forEach([...checks], ask, { concurrency: "unbounded" }), (found) => found.flat())
      )
    }
  })
}
