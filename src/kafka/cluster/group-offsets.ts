import { Effect } from "effect"
import { KafkaError } from "../errors.ts"
import type { CommittedOffset, Member, Membership } from "../kafka.ts"
import { again, done, retrying } from "./backoff.ts"
import type { Attempt } from "./backoff.ts"
import type { Broker, ConnectionError, Connections } from "./connections.ts"
import type { Coordinator } from "./coordinator.ts"
import { heartbeat, offsetCommit, offsetFetch } from "./group-api.ts"
import { errorName, isTransient, refused } from "./protocol-error.ts"
import type { Settings } from "./settings.ts"

const forget = (coordinator: Coordinator, error: string) => {
  if (error === "NOT_COORDINATOR" || error === "COORDINATOR_NOT_AVAILABLE") coordinator.moved()
}

/** `others`: connections whose requests wait for nobody. */
export interface Asking {
  readonly settings: Settings
  readonly others: Connections
  readonly coordinator: Coordinator
  readonly group: string
  readonly instanceId: string | null
  /** Who asks, if he is a member at present. */
  readonly membership: () => Membership | undefined
}

/** Committed offsets of one group, read stable and written by its members. */
export const make = ({
  coordinator,
  group,
  instanceId,
  membership: current,
  others,
  settings
}: Asking): Pick<Member, "commit" | "committed"> => {
  const ask = <A>(request: Effect.Effect<A, ConnectionError>) =>
    Effect.tapError(request, () => Effect.sync(coordinator.moved))

  /**
   * A broker that was cut off answers for a moment as if it still coordinated the group. Whoever knows the present generation has
   * all that those before it committed; who does not is not asked.
   */
  const outdated = Effect.fnUntraced(function* (
    broker: Broker
  ): Effect.fn.Return<KafkaError | undefined, ConnectionError> {
    const membership = current()
    if (membership === undefined) return undefined
    const { errorCode } = yield* ask(others.request(broker, heartbeat, { membership, instanceId }))
    const error = errorName(errorCode)
    if (error === "NONE" || error === "REBALANCE_IN_PROGRESS") return undefined
    coordinator.moved()
    return new KafkaError({ reason: "Unavailable", message: `member of group ${group}: ${error}` })
  })

  const committed: Member["committed"] = Effect.fnUntraced(function* (partitions) {
    if (partitions.length === 0) return []
    const once = Effect.fnUntraced(function* (): Effect.fn.Return<
      Attempt<ReadonlyArray<CommittedOffset> | "unstable">,
      ConnectionError | KafkaError
    > {
      const broker = yield* coordinator.await(settings.patience)
      const stale = yield* outdated(broker)
      if (stale !== undefined) return again(stale)
      const answer = yield* ask(others.request(broker, offsetFetch, { group, partitions }))
      const found = answer.topics.flatMap(({ name, partitions }) =>
        partitions.map((partition) => ({ ...partition, topic: name }))
      )
      const errors = [answer.errorCode, ...found.map(({ errorCode }) => errorCode)]
        .map(errorName)
        .filter((name) => name !== "NONE")
      const error = errors.find((name) => name !== "UNSTABLE_OFFSET_COMMIT") ?? errors[0]
      if (error === undefined) {
        return done(
          found.flatMap(({ committedOffset, partitionIndex, topic }) =>
            committedOffset < 0n ? [] : [{ topic, partition: partitionIndex, offset: Number(committedOffset) }]
          )
        )
      }
      if (error === "UNSTABLE_OFFSET_COMMIT") return done("unstable")
      forget(coordinator, error)
      const why = refused(error, `committed offsets of group ${group}`)
      return isTransient(error) ? again(why) : yield* why
    })
    for (let wait = 10; ; wait = Math.min(wait * 2, 250)) {
      const offsets = yield* retrying(settings.patience, once)
      if (offsets !== "unstable") return offsets
      // The transaction that would change them ends by itself: at the latest when its time-out is swept.
      yield* Effect.sleep(wait)
    }
  })

  const commit: Member["commit"] = (membership, offsets) =>
    offsets.length === 0
      ? Effect.void
      : retrying(
          settings.patience,
          Effect.fnUntraced(function* (): Effect.fn.Return<Attempt<void>, ConnectionError | KafkaError> {
            // A negative generation switches the broker's check off: never sent.
            if (membership.generation < 0)
              return yield* new KafkaError({
                reason: "StaleMember",
                message: `no generation of group ${group} to commit with`
              })
            const broker = yield* coordinator.await(settings.patience)
            const answer = yield* ask(others.request(broker, offsetCommit, { membership, offsets }))
            const error = answer.topics
              .flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorName(errorCode)))
              .find((name) => name !== "NONE")
            if (error === undefined) return done(undefined)
            forget(coordinator, error)
            const why = refused(
              error,
              `commit of group ${group}, member ${membership.memberId}, generation ${membership.generation}`
            )
            return isTransient(error) ? again(why) : yield* why
          })
        )

  return { committed, commit }
}
