import { inject } from "vitest"
import { redpandaVersions } from "../broker/redpanda.ts"
import { clusterWorld } from "./cluster.ts"
import { contract } from "./contract.ts"

const bootstrap = () => inject("bootstrap")

contract("Apache Kafka", clusterWorld(bootstrap))
contract("Apache Kafka, spoken to as Redpanda", clusterWorld(bootstrap, redpandaVersions))
