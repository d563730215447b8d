import { Cause, Clock, Context, Effect, Exit, Layer, Scope } from "effect"
import { SqlClient } from "effect/sql"
import type { AnyTopology } from "../../actor/topology.ts"
import type { EmbeddedBroker } from "../../kafka/embedded/embedded.ts"
import { Kafka } from "../../kafka/kafka.ts"
import { Actors } from "../../supervision/actors.ts"
import * as Supervision from "../../supervision/layer.ts"
import type { Database } from "./database.ts"
import * as Machine from "./machine.ts"

/** A simulated process that runs a topology, on a machine of its own. It can be stopped, killed and frozen like a real one. */
export interface Process {
  readonly name: string
  readonly machine: Machine.Machine
  readonly status: () => "up" | "down" | "frozen"
  readonly actors: () => Actors["Service"] | undefined
  readonly start: Effect.Effect<void>
  /** SIGTERM: drains in the background. */
  readonly stop: Effect.Effect<void>
  /** SIGKILL: neither the broker nor the database hears of it again. */
  readonly kill: Effect.Effect<void>
  readonly freeze: Effect.Effect<void>
  readonly thaw: Effect.Effect<void>
}

/** Between a process and the broker: where a test plants a bug. */
export type Wrap = (kafka: Kafka["Service"]) => Kafka["Service"]

interface Incarnation {
  readonly scope: Scope.Closeable
  actors: Actors["Service"] | undefined
}

export const make = Effect.fnUntraced(function* (
  { broker, database }: { readonly broker: EmbeddedBroker["Service"]; readonly database: Database },
  topology: AnyTopology,
  name: string,
  wrap: Wrap
): Effect.fn.Return<Process> {
  const machine = Machine.make(yield* Clock.Clock)
  let status: "up" | "down" | "frozen" = "down"
  let incarnation: Incarnation | undefined

  const close = (scope: Scope.Closeable) => Effect.asVoid(Effect.forkDetach(Scope.close(scope, Exit.void)))

  /** What becomes of its ways to the broker and to the database. */
  const both = (what: "crash" | "freeze" | "thaw") =>
    Effect.suspend(() =>
      Effect.andThen(
        broker.client(name)[what],
        Effect.flatMap(database.client(name), (client) => client[what])
      )
    )

  /** What is left of a killed process waits for answers that never come: nobody waits for it. */
  const end = (how: Effect.Effect<void>) =>
    Effect.suspend(() => {
      if (status === "down" || incarnation === undefined) return Effect.void
      const { scope } = incarnation
      incarnation = undefined
      status = "down"
      return Effect.andThen(how, close(scope))
    })

  const run = Effect.fnUntraced(function* (mine: Incarnation) {
    type Needs = Kafka | SqlClient.SqlClient
    const layer = Supervision.layer(topology, { instance: name }) as Layer.Layer<Actors, unknown, Needs>
    const { sql } = yield* database.client(name)
    const outside = Layer.merge(
      Layer.succeed(Kafka, wrap(broker.client(name).kafka)),
      Layer.succeed(SqlClient.SqlClient, sql)
    )
    const context = yield* Layer.buildWithScope(Layer.provide(layer, outside), mine.scope)
    mine.actors = Context.get(context, Actors)
    // Two processes with one name: this one ends, and whoever runs it starts it again.
    return yield* mine.actors.failed
  })

  const start = Effect.gen(function* () {
    if (status !== "down") return
    status = "up"
    const mine: Incarnation = { scope: yield* Scope.make(), actors: undefined }
    incarnation = mine
    yield* run(mine).pipe(
      Effect.provideService(Clock.Clock, machine.clock),
      // A topology that cannot start is a bug of the scenario, or a fault's doing: it is started again later.
      Effect.catchCause((cause) =>
        incarnation === mine && !Cause.hasInterruptsOnly(cause) ? end(Effect.void) : Effect.void
      ),
      Effect.forkIn(mine.scope)
    )
  })

  return {
    name,
    machine,
    status: () => status,
    actors: () => incarnation?.actors,
    start,
    stop: Effect.suspend(() => (status === "up" ? end(Effect.void) : Effect.void)),
    kill: end(both("crash")),
    freeze: Effect.suspend(() => {
      if (status !== "up") return Effect.void
      status = "frozen"
      return both("freeze")
    }),
    thaw: Effect.suspend(() => {
      if (status !== "frozen") return Effect.void
      status = "up"
      return both("thaw")
    })
  }
})
