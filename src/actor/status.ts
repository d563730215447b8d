import { Schema } from "effect"
import type { TopicSpec } from "../kafka/kafka.ts"

/** What a browser sees: a kind, and whatever fields go with it (plain JSON). */
export interface StatusEvent {
  readonly kind: string
  readonly [field: string]: unknown
}

/** The value of a `status` record. */
export const StatusRecord = Schema.StructWithRest(Schema.Struct({ kind: Schema.String }), [
  Schema.Record(Schema.String, Schema.Unknown)
])

const day = 86_400_000

/** Every status event, keyed by channel. */
export const statusTopic: TopicSpec = { name: "status", partitions: 12, cleanup: "delete", retention: day }

/** The newest event of each `channel/kind/id`, on the channel's partition, written by the same settle. */
export const statusLatestTopic: TopicSpec = {
  name: "status-latest",
  partitions: 12,
  cleanup: "compact,delete",
  retention: day
}

/** The key of a `status-latest` record. Channel ids and kinds contain no slash; an id may. */
export const statusLatestKey = (channel: string, kind: string, id: string): string => `${channel}/${kind}/${id}`
