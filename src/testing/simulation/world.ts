import { Context, Effect, Layer } from "effect"
import type { Option, Scope } from "effect"
import type { Actor } from "../../actor/actor.ts"
import type { Topic } from "../../actor/topic.ts"
import type { KafkaError } from "../../kafka/errors.ts"
import { Kafka } from "../../kafka/kafka.ts"
import { Log } from "../../runtime/log.ts"
import * as Operator from "../../supervision/operator.ts"
import * as Reading from "../reading.ts"

/** The log as a program outside of the topology sees it; nothing of it goes wrong, whatever happens to the processes. */
export interface World {
  /** Appends a message. */
  send<K, V>(topic: Topic<K, V>, key: NoInfer<K>, value: NoInfer<V>): Effect.Effect<void, KafkaError>
  /** Pauses, resumes or skips a key, as an operator would. */
  command<K, M, S, E, R>(
    actor: Actor<K, M, S, E, R>,
    key: NoInfer<K>,
    op: "pause" | "resume" | "skip"
  ): Effect.Effect<void, KafkaError>
  /** What is in a topic, committed: by partition, each in order. */
  read<K, V>(topic: Topic<K, V>): Effect.Effect<ReadonlyArray<readonly [key: K, value: V]>, KafkaError>
  /** The same as bytes, of any topic by name: `{actor}.dead-letters`, say. */
  records(topic: string): Effect.Effect<ReadonlyArray<Reading.LocatedRecord>, KafkaError>
  /** A key's settled state; none where it is still the initial one. */
  state<K, M, S, E, R>(actor: Actor<K, M, S, E, R>, key: NoInfer<K>): Effect.Effect<Option.Option<S>, KafkaError>
  /** For what is not here. */
  readonly kafka: Kafka["Service"]
}

const text = new TextDecoder()

export const make = Effect.fnUntraced(function* (
  kafka: Kafka["Service"]
): Effect.fn.Return<World, KafkaError, Scope.Scope> {
  const own = Layer.succeed(Kafka, kafka)
  const log = Context.get(yield* Layer.build(Layer.provide(Log.layer, own)), Log)
  const operator = yield* Effect.provideService(Operator.make, Kafka, kafka)
  return {
    send: (topic, key, value) => Effect.asVoid(log.append(topic, key, value)),
    command: (actor, key, op) =>
      operator.command(actor, text.decode(actor.definition.inbox.codec.encodeKey(key)), { op }),
    read: (topic) => Reading.readTopic(kafka, topic),
    records: (topic) => Reading.readRecords(kafka, topic),
    state: (actor, key) => Reading.readState(kafka, actor, key),
    kafka
  }
})
