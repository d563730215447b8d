/** The program of `processes.test.ts`: one actor, on the brokers that it is told of. */
import { Topology } from "../../src/index.ts"
import { counter } from "./counter.ts"

Topology.main(Topology.make("counting", counter))
