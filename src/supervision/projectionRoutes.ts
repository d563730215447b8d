import { Effect, Layer } from "effect"
import { HttpRouter } from "effect/http"
import { json } from "../http/json.ts"
import { problem } from "../http/problem.ts"
import { Actors } from "./actors.ts"
import { Rebuilds } from "./rebuilds.ts"

const named = Effect.map(HttpRouter.params, ({ name }) => name ?? "")

const unknown = (name: string) => problem(404, "UnknownProjection", `no projection is named ${JSON.stringify(name)}`)

/** The lag is that of all processes, the rebuild this one's. */
const one = HttpRouter.add(
  "GET",
  "/projections/:name",
  Effect.gen(function* () {
    const [{ everywhere }, { status }, name] = [yield* Actors, yield* Rebuilds, yield* named]
    const rebuild = status(name)
    if (rebuild === undefined) return unknown(name)
    const replicas = everywhere().find((actor) => actor.name === name)?.replicas ?? []
    const lag = replicas.flatMap(({ partitions }) => partitions).reduce((sum, { lag }) => sum + lag, 0)
    return json({ name, lag, rebuild })
  })
)

/** 202: it runs in this process, or did already. */
const rebuild = HttpRouter.add(
  "POST",
  "/projections/:name/rebuild",
  Effect.gen(function* () {
    const [{ start, status }, name] = [yield* Rebuilds, yield* named]
    return (yield* start(name)) ? json({ name, rebuild: status(name) }, 202) : unknown(name)
  })
)

/** Routes of projections, served beside the topology's. */
export const projectionRoutes = Layer.mergeAll(one, rebuild)
