import { Effect, Predicate } from "effect"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import type { AnyTopology } from "../actor/topology.ts"
import { UsageError } from "./usage.ts"

const isTopology = (value: unknown): value is AnyTopology =>
  Predicate.hasProperty(value, "name") &&
  Predicate.isString(value.name) &&
  Predicate.hasProperty(value, "nodes") &&
  Array.isArray(value.nodes) &&
  Predicate.hasProperty(value, "resources")

const firstLine = (error: unknown): string => String(Predicate.isError(error) ? error.message : error).split("\n")[0]!

/** The default export of a module: a topology. A path is meant from the working directory. */
export const load = Effect.fnUntraced(function* (module: string) {
  const found = yield* Effect.tryPromise({
    try: (): Promise<unknown> => import(pathToFileURL(resolve(module)).href),
    catch: (error) => new UsageError({ message: `cannot load ${module}: ${firstLine(error)}` })
  })
  const topology: unknown = Predicate.hasProperty(found, "default") ? found.default : undefined
  if (isTopology(topology)) return topology
  return yield* new UsageError({ message: `${module} has no topology as its default export` })
})
