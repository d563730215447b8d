import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { describe, inject } from "vitest"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"
import type { KafkaError } from "../../src/kafka/errors.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { readAll, record, text, unique } from "./clients.ts"

const bootstrap = inject("bootstrap")

const failure = (options: Cluster.ClusterOptions): Effect.Effect<KafkaError, unknown> =>
  Effect.flip(Effect.scoped(Layer.build(Cluster.layer({ patience: 2_000, ...options }))))

/** A server that takes connections and never answers. */
const mute = Effect.acquireRelease(
  Effect.callback<{ readonly address: string; readonly close: () => void }>((resume) => {
    const server = createServer(() => {})
    server.listen(0, "127.0.0.1", () =>
      resume(
        Effect.succeed({
          address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
          close: () => void server.close()
        })
      )
    )
  }),
  ({ close }) => Effect.sync(close)
)

describe("a client that cannot work says what is wrong", () => {
  it.live("no broker listens: names the broker", () =>
    Effect.gen(function* () {
      const { message, reason } = yield* failure({ brokers: ["127.0.0.1:1"] })
      expect(reason).toBe("Unavailable")
      expect(message).toContain("127.0.0.1:1")
    })
  )

  it.live("something that is no broker listens: gives up and names it", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { address } = yield* mute
        const { message, reason } = yield* failure({ brokers: [address], requestTimeout: 1_000 })
        expect(reason).toBe("Unavailable")
        expect(message).toContain(address)
      })
    )
  )

  it.live("one of several addresses is enough, and an address is not a broker to put replicas on", () =>
    Effect.gen(function* () {
      const { topics } = yield* Kafka
      yield* topics.ensure([{ name: unique("address"), partitions: 1, cleanup: "delete" }])
    }).pipe(Effect.provide(Cluster.layer({ brokers: ["127.0.0.1:1", ...bootstrap.split(",")] })))
  )

  it.live("TLS against plaintext: names the setting", () =>
    Effect.gen(function* () {
      const { message, reason } = yield* failure({ brokers: bootstrap.split(","), tls: true })
      expect(reason).toBe("Unauthorized")
      expect(message).toContain("tls on")
    })
  )

  it.live("no version in common: names the request and both ranges", () =>
    Effect.gen(function* () {
      const { message, reason } = yield* failure({ brokers: bootstrap.split(","), maxVersions: { Metadata: 1 } })
      expect(reason).toBe("Refused")
      expect(message).toContain("Metadata")
    })
  )
})

const layer = Cluster.layer({ brokers: bootstrap.split(",") })

describe("a request the broker refuses", () => {
  it.live("names the topic that does not exist", () =>
    Effect.gen(function* () {
      const kafka = yield* Kafka
      const topic = unique("missing")
      const producer = yield* kafka.producer
      const reader = yield* kafka.reader()
      yield* reader.seek({ topic, partition: 0 }, 0)
      const errors = yield* Effect.all(
        [
          Effect.flip(producer.send([record({ topic, partition: 0 }, "v")])),
          Effect.flip(reader.poll),
          Effect.flip(kafka.topics.endOffset({ topic, partition: 0 }))
        ],
        { concurrency: 3 }
      )
      for (const error of errors) {
        expect(error).toMatchObject({ reason: "TopicMissing", topic })
        expect(error.message).toContain(topic)
      }
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.live("fails the record that is too large alone, also among others of its batch", () =>
    Effect.gen(function* () {
      const kafka = yield* Kafka
      const topic = unique("large")
      yield* kafka.topics.ensure([{ name: topic, partitions: 1, cleanup: "delete", maxMessageBytes: 10_000 }])
      const producer = yield* kafka.producer
      const at = { topic, partition: 0 }
      const sends = Array.from({ length: 20 }, (_, n) =>
        Effect.result(producer.send([record(at, n === 7 ? "x".repeat(20_000) : `v${n}`)]))
      )
      const results = yield* Effect.all(sends, { concurrency: "unbounded" })
      expect(results.map(({ _tag }) => _tag === "Success")).toEqual(results.map((_, n) => n !== 7))
      expect(results[7]).toMatchObject({ failure: { reason: "RecordTooLarge", topic } })
      expect(yield* kafka.topics.endOffset(at)).toBe(19)
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.live("settles what fits only compressed, as a message that its producer compressed and that has to wait", () =>
    Effect.gen(function* () {
      const kafka = yield* Kafka
      const topic = unique("squeezed")
      yield* kafka.topics.ensure([{ name: topic, partitions: 1, cleanup: "delete", maxMessageBytes: 10_000 }])
      const at = { topic, partition: 0 }
      const transactor = yield* kafka.transactor({ transactionalId: topic })
      yield* transactor.commit({ records: [record(at, "a"), record(at, "x".repeat(200_000)), record(at, "b")] })
      const noise = Array.from({ length: 5_000 }, (_, n) => Math.sin(n)).join()
      expect(yield* Effect.flip(transactor.commit({ records: [record(at, noise)] }))).toMatchObject({
        outcome: "refused"
      })
      const values = (yield* readAll([at])).get(`${topic}/0`)!.map(({ value }) => text(value))
      expect(values).toEqual(["a", "x".repeat(200_000), "b"])
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.live("names what is left where the offset asked for is gone", () =>
    Effect.gen(function* () {
      const kafka = yield* Kafka
      const topic = unique("range")
      yield* kafka.topics.ensure([{ name: topic, partitions: 1, cleanup: "delete" }])
      const producer = yield* kafka.producer
      yield* producer.send([record({ topic, partition: 0 }, "v")])
      const reader = yield* kafka.reader()
      yield* reader.seek({ topic, partition: 0 }, 100)
      const { message, reason } = yield* Effect.flip(reader.poll)
      expect(reason).toBe("OffsetOutOfRange")
      expect(message).toContain("0 to 1 are left")
    }).pipe(Effect.scoped, Effect.provide(layer))
  )
})
