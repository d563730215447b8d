import type { AnyActor } from "../actor/actor.ts"
import { isRoutes } from "../actor/topology.ts"
import type { AnyProjection } from "../actor/projection.ts"
import type { AnyKvStore, AnyTopology } from "../actor/topology.ts"
import { deadLettersView, deadLetterTopics } from "./deadLetters.ts"

export type NodeKind = "keyed" | "projection" | "kv" | "routes"

/** A node as `sixfold topology` and `GET /topology` show it. */
export interface NodeDescription {
  readonly name: string
  readonly kind: NodeKind
  readonly inbox: ReadonlyArray<string>
  readonly emits: ReadonlyArray<string>
  /** Which a projection keeps; the view of dead letters keeps none. */
  readonly table?: string
  /** What is started before it and stopped after it. */
  readonly dependsOn: ReadonlyArray<string>
  /** Place in the order of starting, from 1. Nodes with the same number start, and stop, together. */
  readonly start: number
  readonly stop: number
}

interface Declared extends Pick<NodeDescription, "name" | "kind" | "inbox" | "emits" | "table"> {}

/** The routes of a topology, its WebSocket and its operations are one node, of this name. */
export const gateway = "gateway"

const declared = (node: AnyActor | AnyProjection<any> | AnyKvStore<any>): Declared => {
  switch (node.kind) {
    case "keyed": {
      const { emits, inbox } = node.definition
      return { name: node.name, kind: "keyed", inbox: [inbox.name], emits: emits.map(({ name }) => name) }
    }
    case "projection":
      return {
        name: node.name,
        kind: "projection",
        inbox: node.inboxes.map(({ name }) => name),
        emits: [],
        table: node.definition.table
      }
    case "kv":
      return { ...declared(node.writer), name: node.key, kind: "kv" }
  }
}

/** For each node the ones that consume what it emits. */
const consumers = (nodes: ReadonlyArray<Declared>, node: Declared): ReadonlyArray<Declared> =>
  nodes.filter((other) => other !== node && other.inbox.some((topic) => node.emits.includes(topic)))

const reachable = (nodes: ReadonlyArray<Declared>, from: Declared): ReadonlySet<Declared> => {
  const seen = new Set<Declared>()
  const waiting = [from]
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    for (const next of consumers(nodes, node)) {
      if (seen.has(next)) continue
      seen.add(next)
      waiting.push(next)
    }
  }
  return seen
}

/**
 * Whoever emits depends on whoever consumes: consumers start first, and at the end emitters stop first, so that what is
 * on its way can still be taken. In a circle of topics the order of declaration decides: an actor depends on those of its circle
 * that are declared after it. Everything else depends on the stores, and the gateway on everything.
 */
const dependencies = (nodes: ReadonlyArray<Declared>): ReadonlyMap<Declared, ReadonlyArray<Declared>> => {
  const stores = nodes.filter(({ kind }) => kind === "kv")
  return new Map(
    nodes.map((node, index) => {
      if (node.kind === "kv" || node.name === deadLettersView) return [node, []]
      if (node.kind === "routes") return [node, nodes.filter((other) => other !== node)]
      const downstream = consumers(nodes, node).filter(
        (consumer) =>
          consumer.kind !== "routes" &&
          consumer.kind !== "kv" &&
          (nodes.indexOf(consumer) > index || !reachable(nodes, consumer).has(node))
      )
      return [node, [...stores, ...downstream]]
    })
  )
}

/** Every node of the topology, in the order of declaration; the gateway comes first, the view of dead letters last. */
export const describe = (topology: AnyTopology): ReadonlyArray<NodeDescription> => {
  const letters = [...deadLetterTopics(topology).values()].map(({ name }) => name)
  const nodes: ReadonlyArray<Declared> = [
    { name: gateway, kind: "routes", inbox: ["status"], emits: [] },
    ...topology.nodes.flatMap((node) => (isRoutes(node) ? [] : [declared(node)])),
    { name: deadLettersView, kind: "projection", inbox: letters, emits: [] }
  ]
  const dependsOn = dependencies(nodes)
  const starts = new Map<Declared, number>()
  const start = (node: Declared): number => {
    const known = starts.get(node)
    if (known !== undefined) return known
    const place = 1 + Math.max(0, ...dependsOn.get(node)!.map(start))
    starts.set(node, place)
    return place
  }
  const last = Math.max(...nodes.map(start))
  return nodes.map((node) => ({
    ...node,
    dependsOn: dependsOn.get(node)!.map(({ name }) => name),
    start: start(node),
    stop: last - start(node) + 1
  }))
}
