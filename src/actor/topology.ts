import { Layer } from "effect"
import type { HttpRouter } from "effect/http"
import type { Kafka } from "../kafka/kafka.ts"
import type { Actor, AnyActor } from "./actor.ts"
import type { AnyProjection } from "./projection.ts"

/** An in-memory key-value store, as far as a topology knows it: a service class made by `KvStore.Service`. */
export interface AnyKvStore<Self> {
  readonly kind: "kv"
  readonly key: string
  readonly layer: Layer.Layer<Self, any, Kafka>
  /** Its single writer, run under the store's name wherever the topology says. */
  readonly writer: AnyActor
  readonly "~Self": () => Self
}

/** HTTP routes (`HttpRouter.add(…)` and the like), served by the topology's `gateway`. */
export type Routes<R> = Layer.Layer<never, any, R>

/** Anything a topology is made of. */
export type AnyNode = AnyActor | AnyProjection<any> | AnyKvStore<any> | Routes<any>

type NodeR<N> =
  N extends Actor<any, any, any, any, infer R>
    ? R | Kafka
    : N extends AnyProjection<infer R>
      ? R | Kafka
      : N extends AnyKvStore<any>
        ? Kafka
        : N extends Layer.Layer<never, any, infer R>
          ? R
          : never
type NodeOut<N> = N extends AnyKvStore<infer Self> ? Self | HttpRouter.Request<"Requires", Self> : never

/** A system of actors, projections, stores and routes: a value. `R` is what it still needs. */
export interface Topology<out R> {
  readonly name: string
  readonly nodes: ReadonlyArray<AnyNode>
  readonly resources: ReadonlyArray<Layer.Layer<any, any, any>>
  readonly "~R": () => R
}
export interface AnyTopology extends Topology<any> {}

/** Composes a topology. Names are unique, and nobody writes to a compacted topic but its owner: both are checked here. */
export const make = <const N extends ReadonlyArray<AnyNode>>(
  name: string,
  ...nodes: N
): Topology<Exclude<NodeR<N[number]>, NodeOut<N[number]>>> => {
  const seen = new Set(["gateway", "dead-letters-view"])
  for (const node of nodes) {
    const id = nodeName(node)
    if (id === undefined) continue
    if (seen.has(id)) throw new Error(`topology ${name}: two nodes are named ${id}`)
    seen.add(id)
  }
  return { name, nodes, resources: [] } as never
}

/** Gives every node of the topology a service. */
export const provide =
  <Out, LE, In>(layer: Layer.Layer<Out, LE, In>) =>
  <R>(self: Topology<R>): Topology<Exclude<R, Out> | In> =>
    ({ ...self, resources: [...self.resources, layer] }) as never

/** Routes are layers: they have no name of their own and belong to the `gateway`. */
export const isRoutes = (node: AnyNode): node is Routes<any> => Layer.isLayer(node)

export const nodeName = (node: AnyNode): string | undefined =>
  isRoutes(node) ? undefined : node.kind === "kv" ? node.key : node.name

/** The keyed actor that a node is, or has (a store's writer). */
export const actorOf = (node: AnyNode): AnyActor | undefined => {
  if (isRoutes(node) || node.kind === "projection") return undefined
  return node.kind === "kv" ? node.writer : node
}
