import type { Database } from "../projection/identity.ts"
import { worst } from "./actors.ts"
import type { ActorStatus, ReplicaStatus } from "./actors.ts"

/** A member that has told nothing for so long, in milliseconds, does not run, or cannot say so. */
export const silentAfter = 30_000
/** After so long it is left out: whoever took it away did not stop it. */
const forgottenAfter = 3_600_000
/** Anybody may write to the topic. */
const mostMembers = 256

/** What a process says of itself. */
export interface Said {
  readonly actors: ReadonlyArray<ActorStatus>
  readonly database?: Database
}

interface Member extends Said {
  /** Milliseconds since the epoch, by the clock of this process where it heard it happen. */
  readonly heardAt: number
}

/** What another process has told last; `silentSince` (ISO 8601) where that is long ago. */
export interface Told {
  readonly actors: ReadonlyArray<ActorStatus>
  readonly silentSince?: string
}

/** The other processes of this application, by their instance names. Pure. */
export class Roster {
  private readonly members = new Map<string, Member>()

  /** Nothing said: it has stopped. */
  heard(instance: string, said: Said | undefined, heardAt: number): void {
    this.members.delete(instance)
    if (said === undefined) return
    this.members.set(instance, { ...said, heardAt })
    if (this.members.size > mostMembers) this.members.delete(this.members.keys().next().value!)
  }

  /** A process that runs on another database than this one, and its name for it. */
  elsewhere(id: string, now: number): { readonly instance: string; readonly name: string } | undefined {
    for (const [instance, { database, heardAt }] of this.members) {
      if (database !== undefined && database.id !== id && now - heardAt <= silentAfter) {
        return { instance, name: database.name }
      }
    }
    return undefined
  }

  others(now: number): ReadonlyArray<Told> {
    for (const [instance, { heardAt }] of this.members) {
      if (now - heardAt > forgottenAfter) this.members.delete(instance)
    }
    return Array.from(this.members.values(), ({ actors, heardAt }) =>
      now - heardAt > silentAfter ? { actors, silentSince: new Date(heardAt).toISOString() } : { actors }
    )
  }
}

/** Of a silent process only this is known: what it ran. */
const silenced = (replica: ReplicaStatus, silentSince: string): ReplicaStatus => ({
  instance: replica.instance,
  replica: replica.replica,
  state: "stopped",
  partitions: [],
  restarts: replica.restarts,
  silentSince
})

/** The actors of this process with the replicas of all others; the state is the worst of those that are heard of. */
export const together = (own: ReadonlyArray<ActorStatus>, others: ReadonlyArray<Told>): ReadonlyArray<ActorStatus> =>
  own.map((actor) => {
    const told = others.flatMap(({ actors, silentSince }) => {
      const found = actors.find(({ name }) => name === actor.name)
      return found === undefined ? [] : [{ found, silentSince }]
    })
    const replicas = told.flatMap(({ found, silentSince }) =>
      silentSince === undefined ? found.replicas : found.replicas.map((replica) => silenced(replica, silentSince))
    )
    const states = told.flatMap(({ found, silentSince }) => (silentSince === undefined ? [found.state] : []))
    return { ...actor, state: worst([actor.state, ...states]), replicas: [...actor.replicas, ...replicas] }
  })
