/**
 * Sixfold: keyed actors whose state is a fold over their partition. The public surface; `sixfold/projection`,
 * `sixfold/testing` and `sixfold/client` are the other three entry points.
 */
import { make, provide } from "./actor/topology.ts"
import type { Topology as TopologyType } from "./actor/topology.ts"
import { main } from "./cli/main.ts"
import { layer } from "./supervision/layer.ts"

export { Actor } from "./actor/actor.ts"
export type { AnyActor, DeadLetter, Declared, Handled, Handlers, Undecided } from "./actor/actor.ts"
export type { Decision, Decisions, Retry, Verdict } from "./actor/decision.ts"
export type { StatusEvent } from "./actor/status.ts"
export { Topic, UndecodableError } from "./actor/topic.ts"
export type { AnyTopic, Plain, TopicOptions } from "./actor/topic.ts"
export type { AnyNode, Routes } from "./actor/topology.ts"
export type { Turn, When } from "./actor/turn.ts"
export { jsonBody, uploadBody } from "./http/body.ts"
export { ApiDescriptions } from "./http/docs.ts"
export { eventStream } from "./http/eventStream.ts"
export type { ServerEvent } from "./http/eventStream.ts"
export type { Described, Descriptions } from "./http/openapi.ts"
export { json, jsonText } from "./http/json.ts"
export { Page } from "./http/page.ts"
export { problem, refuse } from "./http/problem.ts"
export { KafkaError, TransactionError } from "./kafka/errors.ts"
export { Kafka } from "./kafka/kafka.ts"
export type { KafkaRecord, RecordPosition } from "./kafka/records.ts"
export { RecordTooLarge } from "./runtime/errors.ts"
export { Log } from "./runtime/log.ts"
export { Channels, requestedChannel } from "./status/channels.ts"
export { nextDue } from "./store/recurrence.ts"
export { KvConflict, KvStore, KvUnknown } from "./store/kv/kvStore.ts"
export type { KvChange, KvEntry, KvFilter, KvWrite } from "./store/kv/kvStore.ts"
export { Actors } from "./supervision/actors.ts"
export type { LayerOptions } from "./supervision/layer.ts"
export type { TopologyError } from "./supervision/plan.ts"

/** A system of actors, projections, stores and routes. `R` is what it still needs. */
export type Topology<R> = TopologyType<R>

/**
 * - `make(name, …nodes)`: a topology as a value; `provide(layer)` gives all its nodes a service.
 * - `layer(topology, options)`: runs it, or some of it, under supervision, in a program of one's own.
 * - `main(topology)`: the command line around it, the same as `sixfold`'s.
 */
export const Topology = { make, provide, layer, main }
