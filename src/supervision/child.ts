import type { Effect, Scope } from "effect"

export type State = "starting" | "restoring" | "running" | "waiting" | "draining" | "failed" | "stopped"

/** What holds a partition back: the key (or transaction), since when (ISO 8601), and why. */
export interface Held {
  readonly key: string
  readonly since: string
  readonly cause: string
}

export interface PartitionStatus {
  /** Where a child reads several topics. */
  readonly topic?: string
  readonly partition: number
  /** Records of the log not yet settled. */
  readonly lag: number
  readonly inFlight: number
  readonly parked: number
  readonly held: Held | null
  /** Offsets of the changelog, while the partition is being restored. */
  readonly restoring?: { readonly done: number; readonly end: number }
}

/** What a running child shows of itself. */
export interface Probe {
  /** Synchronous, and cheap enough for every request. */
  status(): { readonly state: State; readonly partitions: ReadonlyArray<PartitionStatus> }
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

/** A child as it is now. */
export interface ChildStatus {
  readonly actor: string
  readonly kind: "keyed" | "projection"
  readonly replica: number
  readonly state: State
  readonly partitions: ReadonlyArray<PartitionStatus>
  /** Since this process began; restarts by hand do not count. */
  readonly restarts: number
}
