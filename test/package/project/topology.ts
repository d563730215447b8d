import { Topology } from "sixfold"
import { places } from "./places.ts"
import { routes } from "./routes.ts"
import { Texts } from "./texts.ts"
import { tracker } from "./tracker.ts"

export const parcels = Topology.make("parcels", routes, tracker, places)

export default Topology.provide(Texts.logged)(parcels)
