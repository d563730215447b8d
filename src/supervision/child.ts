import type { Effect, Scope } from "effect"
import type { Away } from "../kafka/away.ts"
import type { PartitionStatus as RuntimePartitionStatus } from "../runtime/health.ts"

export type State = "starting" | "restoring" | "running" | "waiting" | "draining" | "failed" | "stopped"

/** A partition as its owner sees it. */
export interface PartitionStatus extends RuntimePartitionStatus {
  /** Where a child reads several topics. */
  readonly topic?: string
}

/** What a running child shows of itself. */
export interface Probe {
  /** Synchronous, and cheap enough for every request. */
  status(): {
    readonly state: State
    readonly partitions: ReadonlyArray<PartitionStatus>
    /** The broker that it waits for, if it does. */
    readonly away?: Away | undefined
  }
  /** Whether it can go on without the clock or anybody else: lag, a runnable turn, an open settle. */
  readonly busy: Effect.Effect<boolean>
  /** Counts whatever moves; it stands still when only the clock or something outside can move the child. */
  readonly progress: () => number
  /** The next ending is without a drain, as a crash. For tests. */
  readonly crash: Effect.Effect<void>
}

/**
 * Something supervised: one replica of an actor or a projection. `run` goes on until it is interrupted, and drains then:
 * it stops polling, settles, leaves its group. Everything it opens is in the scope, which lives as long as this one run.
 */
export interface Child<E = unknown, R = never> {
  readonly actor: string
  readonly kind: "keyed" | "projection"
  readonly replica: number
  run(show: (probe: Probe) => void): Effect.Effect<unknown, E, R | Scope.Scope>
}

/** What keeps a child down, or waiting: since when (ISO 8601), and why. */
export interface Trouble {
  readonly since: string
  readonly cause: string
  /** The error by its tag and reason, where it is one of ours: `ReplicaError/PositionMismatch`. */
  readonly error?: string
  /** The key whose error it is, where it is one key's. */
  readonly key?: string
}

/** The same with its time in milliseconds since the epoch. */
export interface Down extends Omit<Trouble, "since"> {
  readonly since: number
}

/** Milliseconds for which a broker may be away, as when leaders move, before its replicas are shown as waiting. */
const awayFor = 10_000

/** What a child waits for that would look well otherwise. */
export const waitsFor = (away: Away | undefined, now: number): Down | undefined =>
  away === undefined || now - away.since < awayFor ? undefined : { ...away, error: "KafkaError/Unavailable" }

/** A child as it is now. */
export interface ChildStatus {
  readonly actor: string
  readonly kind: "keyed" | "projection"
  readonly replica: number
  readonly state: State
  readonly partitions: ReadonlyArray<PartitionStatus>
  /** Since this process began; restarts by hand do not count. */
  readonly restarts: number
  /** Why its last run ended, where it has not come up again since; or the broker that it waits for. */
  readonly trouble?: Trouble
}
