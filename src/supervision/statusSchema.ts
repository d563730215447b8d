import { Schema } from "effect"
import type { ActorStatus } from "./actors.ts"

const Count = Schema.Finite

const HeldSchema = Schema.Struct({
  key: Schema.String,
  by: Schema.optionalKey(Schema.Literals(["handler", "worker", "transaction", "changelog", "group", "inbox"])),
  since: Schema.String,
  cause: Schema.String
})

const PartitionSchema = Schema.Struct({
  topic: Schema.optionalKey(Schema.String),
  partition: Count,
  lag: Count,
  settled: Schema.optionalKey(Count),
  turns: Schema.optionalKey(Count),
  inFlight: Count,
  parked: Count,
  held: Schema.NullOr(HeldSchema),
  stuck: Schema.optionalKey(Schema.Struct({ count: Count, keys: Schema.Array(HeldSchema) })),
  oldestParked: Schema.optionalKey(Schema.String),
  restoring: Schema.optionalKey(Schema.Struct({ done: Count, end: Count }))
})

const StateSchema = Schema.Literals(["starting", "restoring", "running", "waiting", "draining", "failed", "stopped"])

const ReplicaSchema = Schema.Struct({
  instance: Schema.String,
  replica: Count,
  state: StateSchema,
  partitions: Schema.Array(PartitionSchema),
  restarts: Count,
  trouble: Schema.optionalKey(
    Schema.Struct({
      since: Schema.String,
      cause: Schema.String,
      error: Schema.optionalKey(Schema.String),
      key: Schema.optionalKey(Schema.String)
    })
  ),
  silentSince: Schema.optionalKey(Schema.String)
})

/** `ActorStatus` as JSON: what `GET /actors` answers, and what processes tell each other. */
export const ActorStatusSchema: Schema.Codec<ActorStatus> = Schema.Struct({
  name: Schema.String,
  kind: Schema.Literals(["keyed", "projection", "kv", "routes"]),
  state: StateSchema,
  replicas: Schema.Array(ReplicaSchema),
  deadLetters: Count,
  oldestDeadLetter: Schema.optionalKey(Schema.String)
})
