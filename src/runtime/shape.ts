import type { Duration, Effect } from "effect"
import type { Away } from "../kafka/away.ts"
import type { KafkaError } from "../kafka/errors.ts"
import type { ReplicaError } from "./errors.ts"
import type { PartitionStatus } from "./health.ts"

/** Where a replica runs. Its group is `{app}.{actor}`, its transactional id `{app}.{actor}.{instance}.{replica}`. */
export interface ReplicaOptions {
  readonly app: string
  readonly instance: string
  readonly replica: number
  /** Handlers running at a time. Default 1,024. */
  readonly workers?: number
  /** Messages of one partition admitted and not settled at which polling pauses; the last poll (at most 256 KiB of records) may go beyond. Default 2,048. */
  readonly capacity?: number
  /** Default 10 s. */
  readonly sessionTimeout?: Duration.Input
  /** How long a drain may take before unfinished handlers are interrupted. Default 5 s. */
  readonly drain?: Duration.Input
  /** How long a partition with lag may go without a settle before its status names what holds it. Default 30 s. */
  readonly stuckAfter?: Duration.Input
}

export interface ReplicaStatus {
  readonly instance: string
  readonly replica: number
  readonly state: "starting" | "restoring" | "running" | "draining"
  /** The broker that it waits for, if it does. */
  readonly away: Away | undefined
  readonly partitions: ReadonlyArray<PartitionStatus>
}

/** A replica that is there but does not run yet. */
export interface Replica<R> {
  /** Runs until it is interrupted (then it drains) or something of the machinery fails. */
  readonly run: Effect.Effect<never, KafkaError | ReplicaError, R>
  readonly status: () => ReplicaStatus
  /** Whether anything can still happen without the clock: a message unread, a turn under way, a result unsettled. */
  readonly busy: Effect.Effect<boolean, KafkaError>
  /** Counts whatever moves: it stands still when only the clock or something outside can move it. */
  readonly progress: () => number
  /** Ends `run` without a drain, as a crash would. */
  readonly crash: Effect.Effect<void>
}
