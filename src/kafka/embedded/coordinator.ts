import { Effect, Latch, Result } from "effect"
import type { KafkaError } from "../errors.ts"
import type { TopicPartition } from "../records.ts"
import { emptyGroup, join, laggards, rebalance, remove } from "./groups.ts"
import type { Decision, Group, JoinRequest, Step } from "./groups.ts"
import type { State } from "./state.ts"
import type { Background } from "./transactor.ts"
import type { Writer } from "./writer.ts"

/** Milliseconds a round waits for members that heartbeat but do not join. */
const rebalanceTimeout = 60_000

/** Why a member sends no heartbeats: its before-join hook runs, its process is frozen, or gone. */
export type Silence = "hook" | "frozen" | "gone"

/** One member's session: what it was told and has not yet looked at, and how long it has been silent. */
export interface Session {
  readonly memberId: string
  readonly group: string
  readonly client: string
  /** Milliseconds. */
  readonly timeout: number
  readonly told: Latch.Latch
  synced: { readonly generation: number; readonly assignment: ReadonlyArray<TopicPartition> } | undefined
  rejoin: boolean
  over: "expired" | "replaced" | undefined
  readonly silences: Set<Silence>
  stopExpiry: (() => void) | undefined
}

/** Runs the groups: applies events to the pure machine, tells the members, and lets sessions expire on the broker's clock. */
export class Coordinator {
  readonly #sessions = new Map<string, Session>()
  readonly #rounds = new Map<string, () => void>()
  readonly #state: State
  readonly #writer: Writer
  readonly #background: Background
  #members = 0

  constructor(state: State, writer: Writer, background: Background) {
    this.#state = state
    this.#writer = writer
    this.#background = background
  }

  /** How many there are. */
  get sessions(): number {
    return this.#sessions.size
  }

  /** A session that is not in the group yet. */
  open(group: string, client: string, timeout: number): Session {
    const memberId = `${client}-${++this.#members}`
    const told = Latch.makeUnsafe(false)
    const nothing = { synced: undefined, rejoin: false, over: undefined, stopExpiry: undefined }
    const session: Session = { memberId, group, client, timeout, told, silences: new Set(), ...nothing }
    this.#sessions.set(memberId, session)
    return session
  }

  /** Sessions end with their member: forgets it. */
  forget(session: Session): void {
    session.stopExpiry?.()
    this.#sessions.delete(session.memberId)
  }

  sessionsOf(client: string): ReadonlyArray<Session> {
    return [...this.#sessions.values()].filter((session) => session.client === client)
  }

  join(session: Session, request: Omit<JoinRequest, "id">): Effect.Effect<void, KafkaError> {
    return this.#step(session.group, (group) => {
      if (session.over !== undefined) return [group, []]
      session.rejoin = false
      session.synced = undefined
      return join(group, { ...request, id: session.memberId }, this.#partitionsOf)
    })
  }

  leave(session: Session): Effect.Effect<void, KafkaError> {
    return this.#step(session.group, (group) => remove(group, session.memberId, "left", this.#partitionsOf))
  }

  rebalance(name: string): Effect.Effect<void, KafkaError> {
    return this.#step(name, rebalance)
  }

  /** No heartbeats from now on; the session expires unless all reasons end in time. */
  silence(session: Session, why: Silence): void {
    session.silences.add(why)
    if (session.stopExpiry !== undefined) return
    const expire = this.#step(session.group, (group) => remove(group, session.memberId, "expired", this.#partitionsOf))
    session.stopExpiry = this.#background(Effect.andThen(Effect.sleep(session.timeout), Effect.ignore(expire)))
  }

  hear(session: Session, why: Silence): void {
    session.silences.delete(why)
    if (session.silences.size > 0) return
    session.stopExpiry?.()
    session.stopExpiry = undefined
  }

  readonly #partitionsOf = (topic: string): ReadonlyArray<TopicPartition> =>
    (this.#state.topics.get(topic)?.logs ?? []).map(({ partition }) => ({ topic, partition }))

  #step(name: string, event: (group: Group) => Step): Effect.Effect<void, KafkaError> {
    return this.#writer.submit(() => {
      const before = this.#state.groups.get(name) ?? emptyGroup(0)
      const [after, decisions] = event(before)
      this.#state.groups.set(name, after)
      if (after.generation !== before.generation) {
        this.#state.storage.db.prepare("INSERT OR REPLACE INTO generations VALUES (?, ?)").run(name, after.generation)
      }
      this.#watchRound(name, before, after)
      for (const decision of decisions) this.#tell(decision)
      return Result.void
    })
  }

  #tell(decision: Decision): void {
    const session = this.#sessions.get(decision.member)
    if (session === undefined) return
    if (decision.tell === "synced") session.synced = decision
    else if (decision.tell === "rejoin") session.rejoin = true
    else session.over = decision.tell
    this.#state.wakes.push(() => session.told.openUnsafe())
  }

  /** A round that some members never join ends without them. */
  #watchRound(name: string, before: Group, after: Group): void {
    const isOver = after.phase !== "joining" || after.generation !== before.generation
    if (isOver) {
      this.#rounds.get(name)?.()
      this.#rounds.delete(name)
    }
    if (after.phase !== "joining" || this.#rounds.has(name)) return
    const expel = this.#step(name, (group) => {
      const waitedFor = group.generation === after.generation ? laggards(group) : []
      return waitedFor.reduce<Step>(
        ([current, told], member) => {
          const [next, more] = remove(current, member, "expired", this.#partitionsOf)
          return [next, [...told, ...more]]
        },
        [group, []]
      )
    })
    this.#rounds.set(name, this.#background(Effect.andThen(Effect.sleep(rebalanceTimeout), Effect.ignore(expel))))
  }
}
