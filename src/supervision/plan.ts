import { Result, Schema } from "effect"
import type { AnyTopology } from "../actor/topology.ts"
import { deadLettersView } from "./deadLetters.ts"
import { describe } from "./graph.ts"
import type { NodeDescription } from "./graph.ts"
import { nearest } from "./nearest.ts"

/** What of a topology runs in this process. */
export interface Selection {
  /** Names of nodes; `gateway` is one of them. Default: all. */
  readonly actors?: ReadonlyArray<string>
  /** Replicas by name; 0 is none. Default 1. */
  readonly scale?: Readonly<Record<string, number>>
}

/** A selection, or declarations, that do not fit together. `message` names what and what there is instead. */
export class TopologyError extends Schema.TaggedError<TopologyError>()("TopologyError", {
  reason: Schema.Literals(["UnknownName", "BadScale", "TopicConflict"]),
  message: Schema.String
}) {}

/** A node and how many of it this process runs. */
export interface PlannedNode extends NodeDescription {
  readonly replicas: number
}

/** More would only idle: a replica without a partition has nothing to do. */
export const maxReplicas = 64

/** Why a node cannot have so many replicas. */
const unfit = ({ kind, name }: NodeDescription, replicas: number, actors: Selection["actors"]): string | undefined => {
  if (name === deadLettersView) return replicas === 1 ? undefined : "every process has one"
  const most = kind === "routes" ? 1 : maxReplicas
  if (!Number.isInteger(replicas) || replicas < 0 || replicas > most) return `it takes 0 to ${most} replicas`
  return replicas > 0 && actors?.includes(name) === false ? "it is not among the actors to start" : undefined
}

const problem = (
  nodes: ReadonlyArray<NodeDescription>,
  { actors, scale = {} }: Selection
): TopologyError | undefined => {
  const known = nodes.map(({ name }) => name)
  const unknown = [...(actors ?? []), ...Object.keys(scale)].find((name) => !known.includes(name))
  if (unknown !== undefined) {
    const guess = nearest(unknown, known)
    const hint = guess === undefined ? "" : `; did you mean ${guess}?`
    return new TopologyError({
      reason: "UnknownName",
      message: `no actor is named ${JSON.stringify(unknown)}${hint} (there are ${known.join(", ")})`
    })
  }
  for (const [name, replicas] of Object.entries(scale)) {
    const bad = unfit(
      nodes.find((node) => node.name === name)!,
      replicas,
      actors
    )
    if (bad !== undefined)
      return new TopologyError({ reason: "BadScale", message: `cannot scale ${name} to ${replicas}: ${bad}` })
  }
  return undefined
}

/** Every node with its number of replicas here, in the order of declaration. */
export const plan = (
  topology: AnyTopology,
  selection: Selection = {}
): Result.Result<ReadonlyArray<PlannedNode>, TopologyError> => {
  const nodes = describe(topology)
  const error = problem(nodes, selection)
  if (error !== undefined) return Result.fail(error)
  const chosen = (name: string) =>
    selection.actors === undefined || selection.actors.includes(name) || name === deadLettersView
  return Result.succeed(
    nodes.map((node) => ({
      ...node,
      replicas: chosen(node.name) ? (selection.scale?.[node.name] ?? 1) : 0
    }))
  )
}

/** The planned nodes that start together, first ones first. */
export const steps = (nodes: ReadonlyArray<PlannedNode>): ReadonlyArray<ReadonlyArray<PlannedNode>> =>
  [...Map.groupBy(nodes, ({ start }) => start)].toSorted(([a], [b]) => a - b).map(([, together]) => together)
