import { parseBroker } from "@platformatic/kafka"
import { Clock, Config, Effect, Layer } from "effect"
import { KafkaError } from "../errors.ts"
import { Kafka } from "../kafka.ts"
import * as Connections from "./connections.ts"
import * as Member from "./member.ts"
import * as Metadata from "./metadata.ts"
import * as Producer from "./producer.ts"
import * as ReadRecord from "./read-record.ts"
import * as Reader from "./reader.ts"
import { settings } from "./settings.ts"
import type { ClusterOptions } from "./settings.ts"
import { Silence } from "./silence.ts"
import * as Topics from "./topics.ts"
import * as Transactor from "./transactor.ts"

export type { ClusterOptions, Compression, Sasl } from "./settings.ts"

const isPossible = (address: string) => {
  const { host, port } = parseBroker(address)
  return host !== "" && Number.isInteger(port) && port > 0 && port < 65_536
}

/**
 * Apache Kafka or Redpanda. Each client has connections of its own, because a broker serves a connection's requests one after the
 * other; metadata and look-ups are shared.
 */
const make = Effect.fnUntraced(function* (options: ClusterOptions) {
  if (options.brokers.length === 0)
    return yield* new KafkaError({ reason: "Refused", message: "no brokers are named (brokers)" })
  // The library never answers who asks for a port that cannot be.
  const impossible = options.brokers.find((address) => !isPossible(address))
  if (impossible !== undefined)
    return yield* new KafkaError({
      reason: "Refused",
      message: `"${impossible}" is no host:port of a broker (brokers)`
    })
  const all = settings(options)
  const silence = new Silence(yield* Clock.Clock)
  const own = (requestTimeout?: number) => Connections.make(all, silence, requestTimeout)
  // Metadata must not wait long for a broker that is frozen: the next one is asked instead.
  const metadata = yield* Metadata.make(all, silence, yield* own(Math.min(4_000, all.requestTimeout)))
  const shared = yield* own()
  return Kafka.of({
    clusterId: metadata.clusterId,
    topics: Topics.make(all, metadata, shared),
    producer: Effect.gen(function* () {
      return yield* Producer.make(all, metadata, yield* own())
    }),
    transactor: Effect.fnUntraced(function* (options) {
      return yield* Transactor.make(all, metadata, yield* own(), options)
    }),
    reader: Effect.fnUntraced(function* (options) {
      return yield* Reader.make(all, metadata, yield* own(), options)
    }),
    member: Effect.fnUntraced(function* (options) {
      const session = options.sessionTimeout ?? 10_000
      // A join is answered when all have joined, which a rebalance allows a session's time; and some brokers delay a group's first.
      const joins = yield* own(session + 10_000)
      const others = yield* own(Math.min(all.requestTimeout, Math.max(1_000, session / 2)))
      return yield* Member.make(all, metadata, { joins, others }, options)
    }),
    read: ReadRecord.make(all, metadata, shared)
  })
})

/**
 * Fails within half a minute with `Unavailable` where no broker answers, or with `Unauthorized` where TLS or SASL do not fit; the message
 * names the broker and the settings.
 */
export const layer = (options: ClusterOptions): Layer.Layer<Kafka, KafkaError> => Layer.effect(Kafka, make(options))

const password = Config.all({
  username: Config.NonEmptyString("SIXFOLD_KAFKA_SASL_USERNAME"),
  password: Config.Redacted("SIXFOLD_KAFKA_SASL_PASSWORD")
})

/** A mechanism without its user name or password is an error, not a connection without SASL. */
const sasl = Config.option(
  Config.Literals(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"], "SIXFOLD_KAFKA_SASL_MECHANISM")
).pipe(
  Config.flatMap((mechanism) =>
    mechanism._tag === "None"
      ? Config.succeed({})
      : Config.map(password, (user) => ({ sasl: { mechanism: mechanism.value, ...user } }))
  )
)

const security = Config.all([Config.withDefault(Config.Boolean("SIXFOLD_KAFKA_TLS"), false), sasl]).pipe(
  Config.map(([tls, sasl]) => ({ tls, ...sasl }))
)

/**
 * The layer with its security as the environment describes it: `SIXFOLD_KAFKA_TLS` (true or false), `SIXFOLD_KAFKA_SASL_MECHANISM`,
 * `SIXFOLD_KAFKA_SASL_USERNAME`, `SIXFOLD_KAFKA_SASL_PASSWORD`. A private authority is named to Node itself, by
 * `NODE_EXTRA_CA_CERTS`. `options` go over it.
 */
export const layerConfig = (options: ClusterOptions): Layer.Layer<Kafka, KafkaError | Config.ConfigError> =>
  Layer.unwrap(Effect.map(security, (security) => layer({ ...security, ...options })))
