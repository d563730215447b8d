import { Layer } from "effect"
import { ApiDescriptions, Topology } from "../src/index.ts"
import { descriptions } from "./descriptions.ts"
import topology from "./topology.ts"

Topology.main(Topology.provide(Layer.succeed(ApiDescriptions, descriptions))(topology))
