import { Topology } from "../src/index.ts"
import topology from "./topology.ts"

Topology.main(topology)
