import { Context, Effect, Layer } from "effect"
import { inject } from "vitest"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { redpandaVersions } from "../broker/redpanda.ts"
import { contract } from "./contract.ts"
import { World } from "./world.ts"

/** `maxVersions`: the highest version to be spoken, by API. */
const world = (maxVersions: Readonly<Record<string, number>>) => {
  const process = (versions: Readonly<Record<string, number>>) =>
    Effect.map(
      Layer.build(Cluster.layer({ brokers: inject("bootstrap").split(","), maxVersions: versions })),
      (context) => Context.get(context, Kafka)
    )
  // EndTxn has no version below 0: whoever may not speak it leaves every transaction open.
  return Layer.succeed(World, { process: process(maxVersions), stuck: process({ ...maxVersions, EndTxn: -1 }) })
}

contract("Apache Kafka", world({}))
contract("Apache Kafka, spoken to as Redpanda", world(redpandaVersions))
