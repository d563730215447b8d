import { Schema } from "effect"
import { Topic } from "sixfold"

/** What scanners write when they see a parcel, keyed by parcel. `channel` is where somebody watches it. */
export const scans = Topic.make("scans", {
  value: Schema.Struct({ place: Schema.String, channel: Schema.optionalKey(Schema.String) })
})

/** Where each parcel is now, and how often it has been seen; keyed by parcel. */
export const whereabouts = Topic.make("whereabouts", {
  value: Schema.Struct({ place: Schema.String, seen: Schema.Int })
})
