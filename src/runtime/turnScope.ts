import { Effect, Exit, Scope } from "effect"

/**
 * The scope of a worker's turns: what a handler has acquired is released when its turn is over. Most acquire nothing, and a scope of
 * their own would cost each of them.
 */
export const turnScope = () => {
  const scope = Scope.makeUnsafe()
  const empty = scope.state
  const close = Effect.suspend(() => Scope.close(scope, Exit.void)).pipe(
    Effect.catchCause((cause) => Effect.logError("What a handler had acquired was not released", cause)),
    Effect.ensuring(Effect.sync(() => (scope.state = empty)))
  )
  return {
    isEmpty: () => scope.state === empty,
    close,
    provide: <A, E, R>(worker: Effect.Effect<A, E, R>) =>
      Effect.ensuring(Effect.provideService(worker, Scope.Scope, scope), close)
  }
}
