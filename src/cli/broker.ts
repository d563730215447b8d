import { Layer, Option } from "effect"
import type { KafkaError } from "../kafka/errors.ts"
import type { Kafka } from "../kafka/kafka.ts"
import * as Cluster from "../kafka/cluster/cluster.ts"
import * as Embedded from "../kafka/embedded/embedded.ts"
import * as Lock from "../kafka/embedded/lock.ts"
import { UsageError } from "./usage.ts"

/** Apache Kafka or Redpanda at these addresses, with TLS and SASL as the environment says. */
export const remote = (brokers: ReadonlyArray<string>): Layer.Layer<Kafka, KafkaError | UsageError> =>
  Layer.catchTag(Cluster.layerConfig({ brokers }), "ConfigError", (error) =>
    Layer.unwrap(new UsageError({ message: error.cause.message.replace(/\s*\n\s*/g, " ") }))
  )

/** Who keeps the log: the brokers named, or one in this process. Either way no other process may have the directory. */
export const layer = (
  kafka: Option.Option<ReadonlyArray<string>>,
  directory: string
): Layer.Layer<Kafka, KafkaError | UsageError> =>
  Option.match(kafka, {
    onNone: () => Embedded.layer({ directory }),
    onSome: (brokers) => Layer.provide(remote(brokers), Lock.layer(directory))
  })
