import { Cause, Clock, Deferred, Effect, Option, Result } from "effect"
import type { Scope } from "effect"
import { Absence } from "../away.ts"
import { KafkaError } from "../errors.ts"
import type { CommittedOffset, Member, MemberOptions, Membership } from "../kafka.ts"
import { partitionId } from "../records.ts"
import type { TopicPartition } from "../records.ts"
import { persistent, unanswered } from "./connection.ts"
import type { Connection, Unanswered } from "./connection.ts"
import type { Coordinator, Session } from "./coordinator.ts"
import { staleness } from "./groups.ts"
import { committedOffsets } from "./member-offsets.ts"
import { findLog } from "./state.ts"
import type { State } from "./state.ts"
import type { Writer } from "./writer.ts"

const defaultSessionTimeout = 10_000

const without = (all: ReadonlyArray<TopicPartition>, less: ReadonlyArray<TopicPartition>) => {
  const gone = new Set(less.map(({ partition, topic }) => partitionId(topic, partition)))
  return all.filter(({ partition, topic }) => !gone.has(partitionId(topic, partition)))
}

/** What the member holds on to from one round to the next. */
interface Holding {
  readonly session: Session
  readonly membership: Option.Option<Membership>
  readonly owned: ReadonlyArray<TopicPartition>
  /** To be given up before the next join. */
  readonly revoked: ReadonlyArray<TopicPartition>
}

export const make = (
  state: State,
  writer: Writer,
  connection: Connection,
  coordinator: Coordinator,
  options: MemberOptions
): Effect.Effect<Member, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { group, instanceId, listener, topics } = options
    const subjects = [group]
    const failed = Deferred.makeUnsafe<never, KafkaError>()
    const open = () => coordinator.open(group, connection.client, options.sessionTimeout ?? defaultSessionTimeout)
    const fresh = (): Holding => ({ session: open(), membership: Option.none(), owned: [], revoked: [] })
    const absence = new Absence(yield* Clock.Clock)
    let current = fresh()

    const request = (holding: Holding): Effect.Effect<void, KafkaError | Unanswered> => {
      const missing = topics.map((topic) => findLog(state, { topic, partition: 0 })).find(Result.isFailure)
      if (missing !== undefined) return Effect.fail(missing.failure)
      const ownedSince = Option.match(holding.membership, { onNone: () => -1, onSome: ({ generation }) => generation })
      const joined = { instanceId, topics, owned: holding.owned, ownedSince }
      return connection.perform({ kind: "join", subjects }, coordinator.join(holding.session, joined))
    }

    /** Gives up what moves, then joins. No heartbeats are sent meanwhile. */
    const joinAgain = Effect.fnUntraced(function* (holding: Holding) {
      const { session } = holding
      coordinator.silence(session, "hook")
      yield* listener
        .beforeJoin(holding.revoked)
        .pipe(Effect.ensuring(Effect.sync(() => coordinator.hear(session, "hook"))))
      yield* connection.alive
      const next: Holding = { ...holding, owned: without(holding.owned, holding.revoked), revoked: [] }
      current = next
      if (session.over === undefined)
        yield* persistent(
          absence,
          Effect.suspend(() => request(next))
        )
      return next
    })

    /** Waits for news of the session and adopts it. */
    const hear = Effect.fnUntraced(function* (holding: Holding) {
      const { session } = holding
      while (session.over === undefined && session.synced === undefined && !session.rejoin) {
        yield* session.told.await
        session.told.closeUnsafe()
      }
      yield* connection.alive
      if (session.over !== undefined) return yield* lose(holding)
      const { synced } = session
      if (synced === undefined) return holding
      session.synced = undefined
      const membership: Membership = { group, memberId: session.memberId, generation: synced.generation }
      const added = without(synced.assignment, holding.owned)
      const revoked = without(holding.owned, synced.assignment)
      const owned = [...holding.owned, ...added]
      const next: Holding = { session, membership: Option.some(membership), owned, revoked }
      current = next
      yield* listener.assigned({ membership, added, owned })
      return next
    })

    const lose = Effect.fnUntraced(function* (holding: Holding) {
      coordinator.forget(holding.session)
      current = { ...holding, membership: Option.none(), owned: [], revoked: [] }
      yield* listener.lost(holding.owned)
      if (holding.session.over === "replaced") {
        const message = `another member of ${group} has taken the instance id ${instanceId} over`
        return yield* new KafkaError({ reason: "StaleMember", message })
      }
      current = fresh()
      return current
    })

    /** A round: join, then hear what comes of it until there is a reason to join again. */
    const round = Effect.fnUntraced(function* (start: Holding) {
      let holding = yield* joinAgain(start)
      do {
        holding = yield* hear(holding)
      } while (holding.session === start.session && holding.revoked.length === 0 && !holding.session.rejoin)
      return holding
    })
    const run = Effect.gen(function* () {
      let holding = current
      while (true) holding = yield* round(holding)
    })

    const leave = Effect.suspend(() => {
      const { session } = current
      // A crashed or frozen process cannot leave, and a static member does not: its session has to expire.
      if (connection.status !== "up" || instanceId !== undefined) {
        coordinator.silence(session, "gone")
        return Effect.void
      }
      return Effect.ensuring(
        Effect.ignore(coordinator.leave(session)),
        Effect.sync(() => coordinator.forget(session))
      )
    })
    yield* Effect.addFinalizer(() =>
      Effect.andThen(
        leave,
        Deferred.fail(failed, new KafkaError({ reason: "Closed", message: `the member of ${group} was closed` }))
      )
    )
    yield* run.pipe(
      // Also a defect of the listener: nobody looks at the fiber.
      Effect.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.andThen(leave, Deferred.failCause(failed, cause))
      ),
      Effect.forkScoped
    )

    const commit = (membership: Membership, offsets: ReadonlyArray<CommittedOffset>) =>
      writer.submit(() => {
        const stale = staleness(state.groups.get(membership.group), membership)
        if (stale !== undefined) return Result.fail(new KafkaError({ reason: "StaleMember", message: stale }))
        const logs = Result.all(offsets.map((offset) => findLog(state, offset)))
        if (Result.isFailure(logs)) return Result.fail(logs.failure)
        logs.success.forEach((log, i) => state.offsets.commit(membership.group, log.id, offsets[i]!.offset))
        return Result.void
      })

    return {
      membership: Effect.sync(() => current.membership),
      committed: (partitions) => committedOffsets(state, connection, group, partitions),
      commit: (membership, offsets) =>
        connection
          .perform({ kind: "commit", subjects }, commit(membership, offsets))
          .pipe(Effect.catchTag("Unanswered", unanswered(`commit ${group}`))),
      away: () => absence.away,
      failed: Deferred.await(failed)
    }
  })
