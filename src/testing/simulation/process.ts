import { Cause, Context, Effect, Exit, Layer, Scope } from "effect"
import type { AnyTopology } from "../../actor/topology.ts"
import type { EmbeddedBroker } from "../../kafka/embedded/embedded.ts"
import { Kafka } from "../../kafka/kafka.ts"
import { Actors } from "../../supervision/actors.ts"
import * as Supervision from "../../supervision/layer.ts"

/** A simulated process that runs a topology. It can be stopped, killed and frozen like a real one. */
export interface Process {
  readonly name: string
  readonly status: () => "up" | "down" | "frozen"
  readonly actors: () => Actors["Service"] | undefined
  readonly start: Effect.Effect<void>
  /** SIGTERM: drains in the background. */
  readonly stop: Effect.Effect<void>
  /** SIGKILL: the broker never hears of it again. */
  readonly kill: Effect.Effect<void>
  readonly freeze: Effect.Effect<void>
  readonly thaw: Effect.Effect<void>
}

/** Between a process and the broker: where a test plants a bug. */
export type Wrap = (kafka: Kafka["Service"]) => Kafka["Service"]

export const make = (
  broker: EmbeddedBroker["Service"],
  topology: AnyTopology,
  name: string,
  wrap: Wrap
): Effect.Effect<Process> =>
  Effect.gen(function* () {
    let status: "up" | "down" | "frozen" = "down"
    let incarnation: { readonly scope: Scope.Closeable; actors: Actors["Service"] | undefined } | undefined

    const start = Effect.gen(function* () {
      if (status !== "down") return
      status = "up"
      const scope = yield* Scope.make()
      const mine: { readonly scope: Scope.Closeable; actors: Actors["Service"] | undefined } = {
        scope,
        actors: undefined
      }
      incarnation = mine
      const layer = Supervision.layer(topology, { instance: name }) as Layer.Layer<Actors, unknown, Kafka>
      const kafka = Layer.succeed(Kafka, wrap(broker.client(name).kafka))
      yield* Layer.buildWithScope(Layer.provide(layer, kafka), scope).pipe(
        Effect.tap((context) =>
          Effect.sync(() => {
            mine.actors = Context.get(context, Actors)
          })
        ),
        // A topology that cannot start is a bug of the scenario, or a fault's doing: it is started again later.
        Effect.catchCause((cause) =>
          Effect.sync(() => {
            if (incarnation === mine && !Cause.hasInterruptsOnly(cause)) status = "down"
          })
        ),
        Effect.forkIn(scope)
      )
    })

    const close = (scope: Scope.Closeable) => Effect.asVoid(Effect.forkDetach(Scope.close(scope, Exit.void)))

    /** What is left of a killed process waits for answers that never come: nobody waits for it. */
    const end = (how: Effect.Effect<void>) =>
      Effect.suspend(() => {
        if (status === "down" || incarnation === undefined) return Effect.void
        const { scope } = incarnation
        incarnation = undefined
        status = "down"
        return Effect.andThen(how, close(scope))
      })

    return {
      name,
      status: () => status,
      actors: () => incarnation?.actors,
      start,
      stop: Effect.suspend(() => (status === "up" ? end(Effect.void) : Effect.void)),
      kill: end(Effect.suspend(() => broker.client(name).crash)),
      freeze: Effect.suspend(() => {
        if (status !== "up") return Effect.void
        status = "frozen"
        return broker.client(name).freeze
      }),
      thaw: Effect.suspend(() => {
        if (status !== "frozen") return Effect.void
        status = "up"
        return broker.client(name).thaw
      })
    }
  })
