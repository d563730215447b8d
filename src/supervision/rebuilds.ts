import { Context, Effect, FiberMap } from "effect"
import type { Scope } from "effect"
import type { AnyProjection } from "../actor/projection.ts"
import { isRoutes } from "../actor/topology.ts"
import type { AnyTopology } from "../actor/topology.ts"
import { rebuild } from "../projection/rebuild.ts"
import type { Progress } from "../projection/rebuild.ts"

/** A rebuild of this process; offsets of all partitions. */
export interface RebuildStatus extends Progress {
  readonly state: "running" | "done" | "failed"
}

/** Rebuilds the tables of projections, in this process. */
export class Rebuilds extends Context.Service<
  Rebuilds,
  {
    /** False where there is no projection of that name. One that is being rebuilt here goes on with that. */
    start(name: string): Effect.Effect<boolean>
    /** The last rebuild here; null where there was none, undefined where there is no projection of that name. */
    status(name: string): RebuildStatus | null | undefined
  }
>()("sixfold/Rebuilds") {}

/**
 * `services`: what the topology's nodes share. `rebuilt` is run with the name of a projection that has got a new table. Rebuilds end with
 * the scope; one that has not ended is as if it had never begun.
 */
export const make = Effect.fnUntraced(function* (
  topology: AnyTopology,
  services: Context.Context<never>,
  rebuilt: (name: string) => Effect.Effect<void>
): Effect.fn.Return<Rebuilds["Service"], never, Scope.Scope> {
  const projections = new Map<string, AnyProjection>()
  for (const node of topology.nodes) if (!isRoutes(node) && node.kind === "projection") projections.set(node.name, node)
  const statuses = new Map<string, RebuildStatus>()
  const running = yield* FiberMap.make<string>()

  const run = (projection: AnyProjection) => {
    const { name } = projection
    let last: Progress = { done: 0, total: 0 }
    const show = (state: RebuildStatus["state"]) => statuses.set(name, { state, ...last })
    show("running")
    const body = rebuild(projection, (progress) => {
      last = progress
      show("running")
    })
    const reported = Effect.matchCauseEffect(body, {
      onSuccess: () =>
        Effect.andThen(
          Effect.sync(() => show("done")),
          Effect.andThen(Effect.logInfo(`${name}: rebuilt`), rebuilt(name))
        ),
      onFailure: (cause) =>
        Effect.andThen(
          Effect.sync(() => show("failed")),
          Effect.logError(`${name}: the rebuild has failed, the table is as it was`, cause)
        )
    })
    // The broker, the database, and whatever else the projection needs, is the topology's.
    return Effect.provideContext(reported as Effect.Effect<void>, services)
  }

  return {
    start: (name) =>
      Effect.gen(function* () {
        const projection = projections.get(name)
        if (projection === undefined) return false
        if (!(yield* FiberMap.has(running, name))) {
          yield* Effect.logInfo(`${name}: rebuild by hand`)
          yield* FiberMap.run(running, name, run(projection))
        }
        return true
      }),
    status: (name) => (projections.has(name) ? (statuses.get(name) ?? null) : undefined)
  }
})
