import { Admin } from "@platformatic/kafka"
import { Context, Effect, Layer, Schedule } from "effect"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { World } from "./world.ts"

/** Deletion is nothing the port offers: the library's own administration does it. It is answered when the controller has decided it. */
const deleteTopic = (brokers: ReadonlyArray<string>, name: string) =>
  Effect.acquireUseRelease(
    Effect.sync(() => new Admin({ clientId: "operator", bootstrapBrokers: [...brokers] })),
    (admin) =>
      // Of several brokers the one that is asked may not know yet what there is to be deleted.
      Effect.tryPromise(() => admin.deleteTopics({ topics: [name] })).pipe(
        Effect.retry({ times: 20, schedule: Schedule.spaced("100 millis") }),
        Effect.orDie
      ),
    (admin) => Effect.promise(() => admin.close())
  )

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
      deleteTopic: (name) => deleteTopic(brokers, name)
    }
  })
