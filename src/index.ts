/**
 * Sixfold: keyed actors whose state is a fold over their partition. The public surface; `sixfold/projection`,
 * `sixfold/testing` and `sixfold/client` are the other three entry points.
 */
import { make, provide } from "./actor/topology.ts"
import type { Topology as TopologyType } from "./actor/topology.ts"

export { Actor } from "./actor/actor.ts"
export type { AnyActor, DeadLetter, Declared, Handled, Handlers, Undecided } from "./actor/actor.ts"
export type { Decision, Decisions, Retry, Verdict } from "./actor/decision.ts"
export type { StatusEvent } from "./actor/status.ts"
export { Topic, UndecodableError } from "./actor/topic.ts"
export type { AnyTopic, Plain, TopicOptions } from "./actor/topic.ts"
export type { AnyNode, Routes } from "./actor/topology.ts"
export type { Turn, When } from "./actor/turn.ts"
export { KafkaError, TransactionError } from "./kafka/errors.ts"
export { Kafka } from "./kafka/kafka.ts"
export type { KafkaRecord, RecordPosition } from "./kafka/records.ts"
export { Log } from "./runtime/log.ts"

/** A system of actors, projections, stores and routes. `R` is what it still needs. */
export type Topology<R> = TopologyType<R>
export const Topology = { make, provide }
