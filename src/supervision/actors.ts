import { Context } from "effect"
import type { Effect, Option } from "effect"
import type { KafkaError } from "../kafka/errors.ts"
import type { KeyCommand, LetterCommand } from "../runtime/control.ts"
import type { ChildStatus, PartitionStatus, State, Trouble } from "./child.ts"
import type { Place } from "./deadLetters.ts"
import type { NodeKind } from "./graph.ts"
import type { LetterPage, LetterRefused } from "./letters.ts"
import type { KeyRefused } from "./operator.ts"
import type { PlannedNode } from "./plan.ts"
import type { SharedInstance } from "./supervisor.ts"

export interface ReplicaStatus {
  readonly instance: string
  readonly replica: number
  readonly state: State
  readonly partitions: ReadonlyArray<PartitionStatus>
  readonly restarts: number
  /** What keeps it down. */
  readonly trouble?: Trouble
  /** Its process has not been heard of since (ISO 8601): it was killed, or is cut off. Only of other processes'. */
  readonly silentSince?: string
}

/** An actor: of this process, or of all of them. */
export interface ActorStatus {
  readonly name: string
  readonly kind: NodeKind
  /** The worst of its replicas' states; `stopped` where none runs. */
  readonly state: State
  readonly replicas: ReadonlyArray<ReplicaStatus>
  /** In the actor's dead-letter topic, whoever wrote them. */
  readonly deadLetters: number
  /** When the oldest of them was given up (ISO 8601). */
  readonly oldestDeadLetter?: string
}

/** What operators do with one actor's dead letters. */
export interface ActorLetters {
  /** The letters nobody has replayed or discarded, behind a place. */
  list(after: Place | undefined, limit: number): Effect.Effect<LetterPage, KafkaError>
  /** Waits until the command is in the log. */
  command(command: LetterCommand): Effect.Effect<void, KafkaError | LetterRefused>
  /** Replays every letter that may be. */
  readonly replayAll: Effect.Effect<{ readonly replayed: number; readonly refused: number }, KafkaError>
}

/** What runs in this process: for `/actors`, `/health/actors`, the command line and tests. */
export class Actors extends Context.Service<
  Actors,
  {
    readonly topology: { readonly name: string; readonly nodes: ReadonlyArray<PlannedNode> }
    /** Every node of the topology, also those that do not run here. Synchronous, of this moment. */
    status(): ReadonlyArray<ActorStatus>
    /** The same with the replicas of all processes of the application, as they told last: they do so every few seconds. */
    everywhere(): ReadonlyArray<ActorStatus>
    /** Starts the actor's replicas anew at once; answers how many there are here. */
    restart(name: string): Effect.Effect<number>
    /** Pauses, resumes or skips a key of an actor, wherever it runs; false where there is no keyed actor of that name. */
    command(name: string, key: string, command: KeyCommand): Effect.Effect<boolean, KafkaError | KeyRefused>
    /** Dead letters of an actor or a projection, wherever it runs; none where there is none of that name. */
    letters(name: string): Option.Option<ActorLetters>
    /** The same as `restart` without a drain, as after a crash. For tests. */
    crash(name: string): Effect.Effect<number>
    /** Whether anything here can go on without the clock. */
    readonly busy: Effect.Effect<boolean>
    /** Counts whatever moves here. */
    progress(): number
    /** Waits for what ends the program; never succeeds. */
    readonly failed: Effect.Effect<never, SharedInstance>
  }
>()("sixfold/Actors") {}

const worstFirst: ReadonlyArray<State> = [
  "failed",
  "draining",
  "waiting",
  "restoring",
  "starting",
  "running",
  "stopped"
]

export const worst = (states: ReadonlyArray<State>): State =>
  worstFirst.find((state) => states.includes(state)) ?? "stopped"

/** What is known of the nodes at one moment. */
export interface Known {
  readonly nodes: ReadonlyArray<PlannedNode>
  readonly instance: string
  readonly children: ReadonlyArray<ChildStatus>
  /** By name. */
  readonly deadLetters: (actor: string) => number
  /** By name; milliseconds since the epoch. */
  readonly oldestDeadLetter?: (actor: string) => number | undefined
}

/** The gateway has no replicas: it runs as long as it is planned. A store's are its writer's. */
export const statusOf = ({
  children,
  deadLetters,
  instance,
  nodes,
  oldestDeadLetter
}: Known): ReadonlyArray<ActorStatus> =>
  nodes.map(({ kind, name, replicas: planned }) => {
    const replicas = children
      .filter(({ actor }) => actor === name)
      .map(({ partitions, replica, restarts, state, trouble }) => ({
        instance,
        replica,
        state,
        partitions,
        restarts,
        ...(trouble && { trouble })
      }))
    const state = kind !== "routes" ? worst(replicas.map(({ state }) => state)) : planned > 0 ? "running" : "stopped"
    const oldest = oldestDeadLetter?.(name)
    return {
      name,
      kind,
      state,
      replicas,
      deadLetters: deadLetters(name),
      ...(oldest === undefined ? {} : { oldestDeadLetter: new Date(oldest).toISOString() })
    }
  })
