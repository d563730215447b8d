import { Context, Effect, Exit, Layer, Option, Schema, Scope, Stream } from "effect"
import * as Topology from "../../src/actor/topology.ts"
import type { KafkaError } from "../../src/kafka/errors.ts"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import type { BrokerClient } from "../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { partitionFor } from "../../src/kafka/partitioner.ts"
import type { Header } from "../../src/kafka/records.ts"
import { KvStore } from "../../src/store/kv/kvStore.ts"
import { Actors } from "../../src/supervision/actors.ts"
import * as Supervision from "../../src/supervision/layer.ts"

export const partitions = 3

/** The store under test. Its values are numbers, so that other JSON is undecodable. */
export class Config extends KvStore.Service<Config>()("config", { value: Schema.Finite, partitions }) {}

const topology = Topology.make("test", Config)

/** A process that reads and writes the store; closing `scope` ends it. */
export interface Process {
  readonly store: KvStore<number>
  readonly client: BrokerClient
  readonly stop: Effect.Effect<void>
}

export interface World {
  readonly broker: Embedded.EmbeddedBroker["Service"]
  /** A process with a replica of its own. */
  process(name: string): Effect.Effect<Process, KafkaError>
  /** A process that runs the store's writer, under supervision. */
  writer(name: string): Effect.Effect<{ readonly actors: Actors["Service"]; readonly stop: Effect.Effect<void> }>
  /** Appends to a topic of the store as another program would. */
  append(
    topic: string,
    key: string,
    value: string | null,
    headers?: ReadonlyArray<readonly [string, string]>
  ): Effect.Effect<void>
  /** The committed records of a topic: key, value, `sixfold-version`. */
  records(topic: string): Effect.Effect<ReadonlyArray<Read>>
}

export interface Read {
  readonly key: string
  readonly value: unknown
  readonly version: number | undefined
}

/** Waits until a process has this of a key. */
export const sees = ({ store }: Process, key: string, value: number | undefined): Effect.Effect<void> =>
  store.changes({ key }).pipe(
    // A key without a value has no first change: look before, and after each.
    Stream.map(({ entry }) => entry),
    (entries) => Stream.concat(Stream.make(store.entry(key)), entries),
    Stream.takeUntil((entry) => Option.getOrUndefined(entry)?.value === value),
    Stream.runDrain
  )

const utf8 = new TextEncoder()
const text = new TextDecoder()

const within = <R>(layer: Layer.Layer<R, unknown, Kafka>, client: BrokerClient) =>
  Effect.gen(function* () {
    const scope = yield* Effect.flatMap(Effect.scope, Scope.fork)
    const context = yield* Layer.buildWithScope(layer, scope).pipe(Effect.provideService(Kafka, client.kafka))
    return { context, stop: Scope.close(scope, Exit.void) }
  })

export const make: Effect.Effect<World, KafkaError, Scope.Scope> = Effect.gen(function* () {
  const scope = yield* Effect.scope
  const broker = yield* Embedded.make()
  const { kafka } = broker.client("test")
  const producer = yield* kafka.producer

  const read = Effect.fnUntraced(function* (topic: string) {
    const found: Array<Read> = []
    for (let partition = 0; partition < partitions; partition++) {
      const at = { topic, partition }
      const end = yield* kafka.topics.endOffset(at)
      let next = yield* kafka.topics.beginOffset(at)
      const reader = yield* kafka.reader()
      yield* reader.seek(at, next)
      while (next < end) {
        for (const batch of yield* reader.poll) {
          next = batch.nextOffset
          for (const { headers, key, value } of batch.records) {
            const version = headers.find(([name]) => name === "sixfold-version")
            found.push({
              key: text.decode(key!),
              value: value === null ? undefined : JSON.parse(text.decode(value)),
              version: version && Number(text.decode(version[1]))
            })
          }
        }
      }
    }
    return found
  })

  return {
    broker,
    process: (name) =>
      Effect.gen(function* () {
        const client = broker.client(name)
        const { context, stop } = yield* within(Config.layer, client)
        return { store: Context.get(context, Config), client, stop }
      }).pipe(Scope.provide(scope)) as Effect.Effect<Process, KafkaError>,
    writer: (name) =>
      Effect.gen(function* () {
        const layer = Supervision.layer(topology, { app: "test", instance: name, actors: ["config"] })
        const { context, stop } = yield* within(layer, broker.client(name))
        return { actors: Context.get(context, Actors), stop }
      }).pipe(Scope.provide(scope), Effect.orDie),
    append: (topic, key, value, headers = []) => {
      const bytes = utf8.encode(key)
      const record = {
        topic,
        partition: partitionFor(bytes, partitions),
        key: bytes,
        value: value === null ? null : utf8.encode(value),
        headers: headers.map(([name, value]): Header => [name, utf8.encode(value)]),
        timestamp: 0
      }
      return Effect.orDie(Effect.asVoid(producer.send([record])))
    },
    records: (topic) => Effect.orDie(Effect.scoped(read(topic)))
  }
})
