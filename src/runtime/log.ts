import { Clock, Context, Effect, Layer, Option } from "effect"
import type { AnyTopic, Topic, UndecodableError } from "../actor/topic.ts"
import type { KafkaError } from "../kafka/errors.ts"
import { Kafka } from "../kafka/kafka.ts"
import { partitionFor } from "../kafka/partitioner.ts"
import { noHeaders } from "../kafka/records.ts"
import type { RecordPosition } from "../kafka/records.ts"
import { currentTrace } from "./tracing.ts"

/**
 * What routes and programs outside a turn may do with a topic: append a message (acknowledged means durable, once), and
 * read one record back by its position (a claim check). Inside a turn use `turn.emit`, which settles with the state.
 */
export class Log extends Context.Service<
  Log,
  {
    /** Waits for the acknowledgement; answers where the record is. A value that breaks its schema is a defect. */
    append<K, V>(topic: Topic<K, V>, key: NoInfer<K>, value: NoInfer<V>): Effect.Effect<RecordPosition, KafkaError>
    /** None where there is no committed record at exactly this position. */
    read<K, V>(
      topic: Topic<K, V>,
      at: { readonly partition: number; readonly offset: number }
    ): Effect.Effect<Option.Option<V>, KafkaError | UndecodableError>
  }
>()("sixfold/Log") {
  /** One producer for the whole process. */
  static readonly layer: Layer.Layer<Log, KafkaError, Kafka> = Layer.effect(
    Log,
    Effect.gen(function* () {
      const kafka = yield* Kafka
      const producer = yield* kafka.producer
      const known = new Set<string>()
      const ensure = (topic: AnyTopic) =>
        known.has(topic.name)
          ? Effect.void
          : Effect.andThen(
              kafka.topics.ensure([topic.spec]),
              Effect.sync(() => known.add(topic.name))
            )
      return Log.of({
        append: Effect.fnUntraced(function* <K, V>(topic: Topic<K, V>, key: K, value: V) {
          yield* ensure(topic)
          const bytes = topic.codec.encodeKey(key)
          const partition = partitionFor(bytes, topic.spec.partitions)
          const timestamp = Math.floor(yield* Clock.currentTimeMillis)
          const [offset] = yield* producer.send([
            {
              topic: topic.name,
              partition,
              key: bytes,
              value: topic.codec.encodeValue(value),
              headers: [...(topic.codec.headersOf?.(value) ?? noHeaders), ...(yield* currentTrace)],
              timestamp
            }
          ])
          return { topic: topic.name, partition, offset: offset! }
        }),
        read: Effect.fnUntraced(function* <K, V>(topic: Topic<K, V>, at: { partition: number; offset: number }) {
          const found = yield* kafka.read({ topic: topic.name, ...at })
          if (Option.isNone(found)) return Option.none()
          const { headers, value } = found.value
          return Option.some(yield* Effect.fromResult(topic.codec.decodeValue(value, headers)))
        })
      })
    })
  )
}
