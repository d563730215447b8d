import { Admin } from "@platformatic/kafka"
import { Context, Effect, Layer, Schedule } from "effect"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { World } from "./world.ts"

/** What the port does not offer, by the library's own administration. */
const administer = (brokers: ReadonlyArray<string>, act: (admin: Admin) => Promise<unknown>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => new Admin({ clientId: "operator", bootstrapBrokers: [...brokers] })),
    (admin) =>
      // Of several brokers the one that is asked may not know yet what it is about.
      Effect.tryPromise(() => act(admin)).pipe(
        Effect.retry({ times: 20, schedule: Schedule.spaced("100 millis") }),
        Effect.orDie
      ),
    (admin) => Effect.promise(() => admin.close())
  ).pipe(Effect.asVoid)

/** A real cluster as a world. `maxVersions`: the highest version to be spoken, by API. */
export const clusterWorld = (
  bootstrap: () => string,
  maxVersions: Readonly<Record<string, number>> = {}
): Layer.Layer<World> =>
  Layer.sync(World, () => {
    const brokers = bootstrap().split(",")
    const process = (versions: Readonly<Record<string, number>>) =>
      Effect.map(Layer.build(Cluster.layer({ brokers, maxVersions: versions })), (context) =>
        Context.get(context, Kafka)
      )
    return {
      process: process(maxVersions),
      // EndTxn has no version below 0: whoever may not speak it leaves every transaction open.
      stuck: process({ ...maxVersions, EndTxn: -1 }),
      deleteTopic: (name) => administer(brokers, (admin) => admin.deleteTopics({ topics: [name] })),
      expire: ({ partition, topic: name }) =>
        administer(brokers, (admin) =>
          // -1: up to the high watermark.
          admin.deleteRecords({ topics: [{ name, partitions: [{ partition, offset: -1n }] }] })
        )
    }
  })
