import { Context, Layer } from "effect"
import type { Duration } from "effect"
import type { AnyActor } from "../../actor/actor.ts"
import type { Plain } from "../../actor/topic.ts"
import type { AnyKvStore } from "../../actor/topology.ts"
import type { KafkaError } from "../../kafka/errors.ts"
import type { Kafka } from "../../kafka/kafka.ts"
import { make } from "./store.ts"
import type { KvStore as Store } from "./store.ts"
import { kvTopics } from "./topics.ts"
import { writer } from "./writer.ts"

export type { KvChange, KvEntry } from "./contents.ts"
export { KvConflict, KvUnknown } from "./errors.ts"
export type { KvFilter } from "./replica.ts"
export type { KvWrite } from "./write.ts"

/**
 * An in-memory key-value store: every process reads its own copy of a compacted topic, and one writer decides about each write, so that a
 * compare-and-set lets exactly one of several win.
 */
export interface KvStore<V> extends Store<V> {}

/** A store as a service class, and as a node of a topology, which runs its writer. */
export interface KvStoreClass<Self, V>
  extends Context.ServiceClass<Self, string, KvStore<V>>, Omit<AnyKvStore<Self>, "layer" | "key"> {
  /** Ready once it holds everything up to the high watermark at its start. */
  readonly layer: Layer.Layer<Self, KafkaError, Kafka>
}

/** How a store is declared. */
export interface KvStoreOptions<V> {
  readonly value: Plain<V>
  /** Of its three topics. Default 12; it cannot change later. */
  readonly partitions?: number
  /** How long a write waits for its result. Default 10 s. */
  readonly timeout?: Duration.Input
}

/**
 * Declares an in-memory key-value store on the compacted topic `name`.
 *
 * @example
 * class SiteConfig extends KvStore.Service<SiteConfig>()("site-config", { value: Schema.Json }) {}
 */
const Service =
  <Self>() =>
  <V>(name: string, options: KvStoreOptions<V>): KvStoreClass<Self, V> => {
    const topics = kvTopics(name, options)
    const tag = Context.Service<Self, KvStore<V>>()(name)
    const node: { readonly kind: "kv"; readonly writer: AnyActor } = { kind: "kv", writer: writer(name, topics) }
    const layer = Layer.effect(tag, make(name, topics, options.timeout ?? "10 seconds"))
    return Object.assign(tag, { ...node, layer }) as unknown as KvStoreClass<Self, V>
  }

/** `class Settings extends KvStore.Service<Settings>()(name, options) {}` declares a store: a service, and a node of a topology. */
export const KvStore = { Service }
