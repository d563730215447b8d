import { Effect, Layer, Option, Schema } from "effect"
import { HttpRouter } from "effect/http"
import { json, jsonBody, Log, problem, requestedChannel } from "sixfold"
import { findPlace } from "./places.ts"
import { scans } from "./topics.ts"

const parcel = Effect.map(HttpRouter.params, (params) => params["parcel"] ?? "")

const postScan = HttpRouter.add(
  "POST",
  "/parcels/:parcel/scans",
  Effect.gen(function* () {
    const { place } = yield* jsonBody(Schema.Struct({ place: Schema.String }))
    const channel = yield* requestedChannel
    const log = yield* Log
    yield* log.append(scans, yield* parcel, channel === undefined ? { place } : { place, channel })
    return json({ parcel: yield* parcel }, 202)
  })
)

const getPlace = HttpRouter.add(
  "GET",
  "/parcels/:parcel",
  Effect.gen(function* () {
    return Option.match(yield* findPlace(yield* parcel), {
      onNone: () => problem(404, "UnknownParcel", "nobody has seen this parcel"),
      onSome: (place) => json(place)
    })
  })
)

export const routes = Layer.mergeAll(postScan, getPlace)
