import { afterAll, beforeAll } from "vitest"
import { start } from "../broker/kafka.ts"
import type { Cluster as Brokers } from "../broker/kafka.ts"
import { madeTopics } from "../broker/made-topics.ts"
import { redpandaVersions } from "../broker/redpanda.ts"
import { clusterWorld } from "../contract/cluster.ts"
import { contract } from "../contract/contract.ts"

let brokers: Brokers
beforeAll(async () => {
  brokers = await start(3)
})
afterAll(() => brokers?.stop())

const bootstrap = () => brokers.bootstrap

madeTopics(bootstrap)
contract("three brokers", clusterWorld(bootstrap))
contract("three brokers, spoken to as Redpanda", clusterWorld(bootstrap, redpandaVersions))
