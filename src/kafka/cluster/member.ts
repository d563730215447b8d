import { Cause, Clock, Deferred, Effect, Option, Scope } from "effect"
import { Absence } from "../away.ts"
import { KafkaError } from "../errors.ts"
import type { Member, MemberOptions, Membership } from "../kafka.ts"
import type { TopicPartition } from "../records.ts"
import * as Assignment from "./assignment.ts"
import { pause } from "./backoff.ts"
import { toKafkaError } from "./connections.ts"
import type { ConnectionError, Connections } from "./connections.ts"
import * as Coordinator from "./coordinator.ts"
import { heartbeat, joinGroup, leaveGroup, syncGroup } from "./group-api.ts"
import type { JoinGroupResponse } from "./group-api.ts"
import * as GroupOffsets from "./group-offsets.ts"
import { partitionCounts } from "./metadata.ts"
import type { Metadata } from "./metadata.ts"
import { errorName, isTransient, refused } from "./protocol-error.ts"
import type { Settings } from "./settings.ts"

/** Milliseconds between heartbeats at most: a rebalance waits until the last member has heard of it by one. */
const beatEvery = 1_000

/** How many heartbeats pass between the leader's looks at whether a topic has grown; a look ends before the next heartbeat is late. */
const growthEvery = 30

/** Attempts of a second or more after which a coordinator that is away is told of, first and then again. */
const [warnFirst, warnEvery] = [9, 60]

/** Milliseconds the coordinator is given to hear of a member that leaves; after that its session runs out. */
const leaveLimit = 3_000

/** Why a round ended. */
type Ended = "rejoin" | "lost" | "coordinator"

/**
 * The member's life is one loop that owns its state:
 *
 *     hook ─▶ join ─▶ (the leader assigns) ─▶ sync ─▶ assigned ─▶ heartbeats until the group rebalances ─▶ hook …
 *                                               └─ something was taken away ─▶ hook with what to give up ─▶ join …
 *
 * Heartbeats go on while the hook runs, so that its time is the rebalance's, not the session's. `joins` wait in the broker for
 * the other members; `others` are short requests. A broker that is away is waited for without limit.
 */
export const make = Effect.fnUntraced(function* (
  settings: Settings,
  metadata: Metadata,
  connections: { readonly joins: Connections; readonly others: Connections },
  options: MemberOptions
): Effect.fn.Return<Member, never, Scope.Scope> {
  const { group, instanceId = null, listener, sessionTimeout = 10_000, topics } = options
  const { joins, others } = connections
  const interval = Math.min(beatEvery, sessionTimeout / 3)
  const coordinator = Coordinator.make(metadata, others, { type: "group", key: group })
  const absence = new Absence(yield* Clock.Clock)
  const failed = Deferred.makeUnsafe<never, KafkaError>()
  const scope = yield* Scope.Scope

  let memberId = ""
  let membership: Membership | undefined
  let owned: ReadonlyArray<TopicPartition> = []
  /** The number of partitions the leader handed out, by topic; empty for the others. */
  let handedOut: ReadonlyMap<string, number> = new Map()

  const lose = Effect.suspend(() => {
    const lost = owned
    owned = []
    membership = undefined
    return lost.length === 0 ? Effect.void : listener.lost(lost)
  })

  const tell = (failures: number) =>
    failures % warnEvery === warnFirst
      ? Effect.logWarning(`The coordinator of group ${group} is away and waited for`)
      : Effect.void

  const beat = Effect.fnUntraced(function* (as: Membership): Effect.fn.Return<string, ConnectionError | KafkaError> {
    const answer = yield* others.request(yield* coordinator.find, heartbeat, { membership: as, instanceId })
    return errorName(answer.errorCode)
  })

  /** Runs the hook, kept alive in the group meanwhile. What the heartbeats hear, the join will hear too. */
  const hook = Effect.fnUntraced(function* (revoked: ReadonlyArray<TopicPartition>) {
    const as = membership
    if (as === undefined) return yield* listener.beforeJoin(revoked)
    const alive = Effect.forever(Effect.delay(Effect.ignore(beat(as)), interval))
    yield* Effect.raceFirst(listener.beforeJoin(revoked), alive)
  })

  /** The coordinator is looked for anew. */
  const away = (cause: string): Ended => {
    coordinator.moved()
    absence.failed(cause)
    return "coordinator"
  }

  /** Why the round ends with this answer, if it does; or fails for good. */
  const judge = Effect.fnUntraced(function* (
    error: string,
    what: string
  ): Effect.fn.Return<Ended | undefined, KafkaError> {
    if (isTransient(error)) return away(`${what}: ${error}`)
    absence.answered()
    switch (error) {
      case "NONE":
        return undefined
      case "UNKNOWN_MEMBER_ID":
        memberId = ""
        return "lost"
      case "ILLEGAL_GENERATION":
        return "lost"
      case "REBALANCE_IN_PROGRESS":
        return "rejoin"
      case "FENCED_INSTANCE_ID": {
        // Another process has this instance id: joining again would only fence it in turn.
        yield* lose
        return yield* refused(error, `${what} (instance id ${instanceId} is used by two members)`)
      }
      default:
        return yield* refused(error, what)
    }
  })

  const unreachable = Effect.fnUntraced(function* (
    error: ConnectionError | KafkaError
  ): Effect.fn.Return<Ended, KafkaError> {
    const told = error._tag === "KafkaError" ? error : toKafkaError(error)
    return told.reason === "Unavailable" ? away(told.message) : yield* told
  })

  const join = Effect.fnUntraced(function* (): Effect.fn.Return<JoinGroupResponse | Ended, KafkaError> {
    for (;;) {
      const result = yield* Effect.result(
        Effect.flatMap(coordinator.find, (broker) =>
          joins.request(broker, joinGroup, {
            group,
            sessionTimeout,
            rebalanceTimeout: sessionTimeout,
            memberId,
            instanceId,
            subscription: Assignment.subscription(topics, owned, membership?.generation ?? -1)
          })
        )
      )
      if (result._tag === "Failure") return yield* unreachable(result.failure)
      const answer = result.success
      const error = errorName(answer.errorCode)
      if (error === "MEMBER_ID_REQUIRED") memberId = answer.memberId
      else return (yield* judge(error, `join of group ${group} (session time-out ${sessionTimeout} ms)`)) ?? answer
    }
  })

  const assignments = Effect.fnUntraced(function* (joined: JoinGroupResponse) {
    handedOut = new Map()
    if (joined.leader !== joined.memberId) return []
    const members = Assignment.subscribers(joined.members)
    handedOut = yield* partitionCounts(metadata, [...new Set(members.flatMap(({ topics }) => topics))])
    return Assignment.assign(members, handedOut)
  })

  /** Joins and syncs; answers what has to be given up now, or why there is no assignment. */
  const round = Effect.fnUntraced(function* (): Effect.fn.Return<ReadonlyArray<TopicPartition> | Ended, KafkaError> {
    const joined = yield* join()
    if (typeof joined === "string") return joined
    memberId = joined.memberId
    const next: Membership = { group, memberId, generation: joined.generationId }
    const result = yield* Effect.result(
      joins.request(yield* coordinator.await(Infinity), syncGroup, {
        membership: next,
        instanceId,
        assignments: yield* assignments(joined)
      })
    )
    if (result._tag === "Failure") return yield* unreachable(result.failure)
    const ended = yield* judge(errorName(result.success.errorCode), `sync of group ${group}`)
    if (ended !== undefined) return ended
    const mine = Assignment.assigned(result.success.assignment)
    const revoked = Assignment.without(owned, mine)
    const added = Assignment.without(mine, owned)
    membership = next
    owned = [...Assignment.without(owned, revoked), ...added]
    yield* listener.assigned({ membership: next, added, owned })
    return revoked
  })

  const grown = Effect.fnUntraced(function* () {
    if (handedOut.size === 0) return false
    const counts = partitionCounts(metadata, [...handedOut.keys()])
    const now = yield* Effect.timeoutOption(counts, sessionTimeout / 3) // the next heartbeat waits
    return [...Option.getOrElse(now, () => handedOut)].some(([topic, count]) => count > handedOut.get(topic)!)
  })

  const live = Effect.fnUntraced(function* (as: Membership): Effect.fn.Return<Ended, KafkaError> {
    let failures = 0
    for (let beats = 1; ; beats++) {
      yield* Effect.sleep(interval)
      const result = yield* Effect.result(beat(as))
      if (result._tag === "Failure") {
        // The session may outlive the trouble: only the coordinator can say that it is over.
        yield* unreachable(result.failure)
        yield* tell(failures++)
        continue
      }
      failures = 0
      const ended = yield* judge(result.success, `heartbeat of group ${group}`)
      if (ended === "rejoin" || ended === "lost") return ended
      if (beats % growthEvery === 0 && (yield* grown())) return "rejoin"
    }
  })

  const life = Effect.gen(function* () {
    yield* Effect.forEach(topics, (topic) => metadata.topic(topic, Infinity), { discard: true })
    let failures = 0
    let revoked: ReadonlyArray<TopicPartition> = []
    for (;;) {
      yield* hook(revoked)
      revoked = []
      let result = yield* round()
      if (typeof result !== "string") {
        failures = 0
        revoked = result
        if (revoked.length > 0) continue
        result = yield* live(membership!)
      }
      if (result === "lost") yield* lose
      if (result === "coordinator") yield* Effect.andThen(tell(failures), pause(failures++))
    }
  })

  // Interrupted first, left then: finalizers run last in, first out.
  yield* Effect.addFinalizer(() => {
    // A static member keeps its place for the time of its session (KIP-345).
    if (memberId === "" || instanceId !== null) return Effect.void
    return Effect.flatMap(coordinator.find, (broker) => others.request(broker, leaveGroup, { group, memberId })).pipe(
      Effect.timeoutOption(leaveLimit),
      Effect.ignore
    )
  })
  yield* Effect.addFinalizer(() =>
    Deferred.fail(failed, new KafkaError({ reason: "Closed", message: `the member of group ${group} was closed` }))
  )
  const fail = (cause: Cause.Cause<KafkaError>) =>
    Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.andThen(lose, Deferred.failCause(failed, cause))
  yield* life.pipe(Effect.catchCause(fail), Effect.forkIn(scope))

  return {
    membership: Effect.sync(() => Option.fromNullishOr(membership)),
    away: () => absence.away,
    ...GroupOffsets.make({ settings, others, coordinator, group, instanceId, membership: () => membership }),
    failed: Deferred.await(failed)
  }
})
