import { Admin, ConfigResourceTypes } from "@platformatic/kafka"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { describe } from "vitest"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import type { TopicSpec } from "../../src/kafka/kafka.ts"
import { unique } from "./clients.ts"

/** What the broker itself says of a topic's settings, and how many copies there are of each partition. */
const asBroker = (brokers: ReadonlyArray<string>, name: string) =>
  Effect.acquireUseRelease(
    Effect.sync(() => new Admin({ clientId: "operator", bootstrapBrokers: [...brokers] })),
    (admin) =>
      Effect.promise(async () => {
        const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: name }
        const [described] = await admin.describeConfigs({ resources: [resource] })
        const metadata = await admin.metadata({ topics: [name] })
        const copies = metadata.topics.get(name)!.partitions.map(({ replicas }) => replicas.length)
        return { settings: new Map(described!.configs.map(({ name, value }) => [name, value])), copies }
      }),
    (admin) => Effect.promise(() => admin.close())
  )

const day = String(24 * 60 * 60 * 1_000)
const hour = String(60 * 60 * 1_000)

const declared: ReadonlyArray<{ spec: Partial<TopicSpec>; settings: Readonly<Record<string, string>> }> = [
  {
    spec: { cleanup: "delete" },
    settings: { "cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1" }
  },
  { spec: { cleanup: "delete", retention: 5_000_000 }, settings: { "retention.ms": "5000000" } },
  {
    spec: { cleanup: "compact", maxMessageBytes: 2_000_000 },
    settings: {
      "cleanup.policy": "compact",
      "max.compaction.lag.ms": hour,
      "delete.retention.ms": day,
      "max.message.bytes": "2000000"
    }
  },
  {
    spec: { cleanup: "compact,delete", retention: 5_000_000 },
    settings: { "max.compaction.lag.ms": hour, "delete.retention.ms": day, "retention.ms": "5000000" }
  }
]

/** What is declared is what the broker has. `bootstrap` is asked for when the brokers run. */
export const madeTopics = (bootstrap: () => string): void => {
  describe("a topic that was made", () => {
    it.live.each(declared)("has its settings on the broker: $spec", ({ settings, spec }) =>
      Effect.suspend(() => {
        const brokers = bootstrap().split(",")
        return Effect.gen(function* () {
          const { topics } = yield* Kafka
          const name = unique("made")
          yield* topics.ensure([{ name, partitions: 2, cleanup: "delete", ...spec }])
          const found = yield* asBroker(brokers, name)
          const told = Object.keys(settings).map((setting) => [setting, found.settings.get(setting)])
          expect(Object.fromEntries(told)).toEqual(settings)
          // As many copies as there are brokers, and three at most.
          expect(found.copies).toEqual([1, 1].map(() => Math.min(3, brokers.length)))
          if (brokers.length >= 3) expect(found.settings.get("min.insync.replicas")).toBe("2")
        }).pipe(Effect.provide(Cluster.layer({ brokers })))
      })
    )
  })
}
