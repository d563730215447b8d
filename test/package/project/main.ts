import { Topology } from "sixfold"
import topology from "./topology.ts"

Topology.main(topology)
