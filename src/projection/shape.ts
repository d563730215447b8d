import type { Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { AnyTopic } from "../actor/topic.ts"
import type { Away } from "../kafka/away.ts"
import type { KafkaError } from "../kafka/errors.ts"
import type { ProjectionError } from "./errors.ts"
import type { Told } from "./tell.ts"

/** Where a replica runs. Its group is `{app}.{projection}`. */
export interface ReplicaOptions {
  readonly app: string
  readonly instance: string
  readonly replica: number
}

export interface PartitionStatus {
  readonly topic: string
  readonly partition: number
  /** Records not yet in the table, by position. */
  readonly lag: number
  /** The next offset that is not in the table. */
  readonly settled: number
  /** Records taken into the table since its owner took it. */
  readonly turns: number
  readonly inFlight: number
  readonly parked: number
  /** The database, where it does not end a transaction, or the topic, where an open transaction keeps back what follows. */
  readonly held: {
    readonly key: string
    readonly by: "transaction" | "inbox"
    readonly since: string
    readonly cause: string
  } | null
}

export interface Replica {
  /** Runs until it is interrupted (the transaction under way ends first) or something fails. */
  readonly run: Effect.Effect<never, KafkaError | ProjectionError | SqlError.SqlError, SqlClient.SqlClient>
  readonly status: () => {
    readonly state: "starting" | "running" | "draining"
    /** The broker that it waits for, if it does. */
    readonly away: Away | undefined
    readonly partitions: ReadonlyArray<PartitionStatus>
  }
  /** Whether there is anything to read or to write. */
  readonly busy: Effect.Effect<boolean, KafkaError>
  readonly progress: () => number
  /** Ends `run` as a crash would. */
  readonly crash: Effect.Effect<void>
}

/** A partition that the replica owns. */
export interface Owned extends Told {
  readonly topic: AnyTopic
  /** Where this ownership began to read. */
  readonly begin: number
  /** The end of the log as the last batch had it. */
  end: number
  /** Records taken into the table since then. */
  turns: number
}
