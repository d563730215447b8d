import { Effect, Exit, Scope } from "effect"
import { partitionId } from "../../src/kafka/records.ts"
import type { Member, MemberOptions, Membership } from "../../src/kafka/kafka.ts"
import type { TopicPartition } from "../../src/kafka/records.ts"
import { until } from "./world.ts"
import type { Client } from "./world.ts"

/** What became of a partition, as its members saw it. */
export interface Event {
  readonly who: string
  readonly what: "assigned" | "revoked" | "lost" | "left"
  readonly partitions: ReadonlyArray<string>
}

/** A group under test: its members' events in one line. */
export interface Observed {
  readonly group: string
  readonly topic: string
  readonly events: Array<Event>
}

export interface Joined {
  readonly member: Member
  readonly owned: ReadonlySet<string>
  /** The memberships of its assignments, in order. */
  readonly memberships: ReadonlyArray<Membership>
  /** Leaves, as the end of its scope would have it. */
  readonly leave: Effect.Effect<void>
}

const ids = (partitions: ReadonlyArray<TopicPartition>) =>
  partitions.map(({ partition, topic }) => partitionId(topic, partition))

/** Joins the group; `hook` runs within the before-join hook, before what is revoked counts as given up. */
export const join = Effect.fnUntraced(function* (
  kafka: Client,
  { events, group, topic }: Observed,
  who: string,
  hook: (revoked: ReadonlyArray<TopicPartition>) => Effect.Effect<void> = () => Effect.void,
  options: Partial<MemberOptions> = {}
) {
  const scope = yield* Effect.flatMap(Effect.scope, Scope.fork)
  const owned = new Set<string>()
  const memberships: Array<Membership> = []
  const drop = (what: Event["what"], partitions: ReadonlyArray<string>) => {
    for (const id of partitions) owned.delete(id)
    if (partitions.length > 0) events.push({ who, what, partitions })
  }
  const member = yield* kafka
    .member({
      group,
      topics: [topic],
      listener: {
        beforeJoin: (revoked) =>
          Effect.andThen(
            hook(revoked),
            Effect.sync(() => drop("revoked", ids(revoked)))
          ),
        assigned: ({ added, membership }) =>
          Effect.sync(() => {
            memberships.push(membership)
            for (const id of ids(added)) owned.add(id)
            if (added.length > 0) events.push({ who, what: "assigned", partitions: ids(added) })
          }),
        lost: (partitions) => Effect.sync(() => drop("lost", ids(partitions)))
      },
      ...options
    })
    .pipe(Scope.provide(scope))
  // What a member that leaves owns is given up before it says so: nobody can hear of it earlier.
  const leave = Effect.andThen(
    Effect.sync(() => drop("left", [...owned])),
    Scope.close(scope, Exit.void)
  )
  return { member, owned, memberships, leave } satisfies Joined
})

/** Waits until the members own so many partitions each, in the order given. */
export const owning = (...expected: ReadonlyArray<readonly [Joined, number]>): Effect.Effect<void> =>
  until(() => expected.every(([{ owned }, count]) => owned.size === count))

/** What went wrong: partitions that were given to a member while another one had them. */
export const doublyOwned = (events: ReadonlyArray<Event>): ReadonlyArray<string> => {
  const owners = new Map<string, string>()
  const wrong: Array<string> = []
  for (const { partitions, what, who } of events) {
    for (const id of partitions) {
      const owner = owners.get(id)
      if (what !== "assigned") owners.delete(id)
      else if (owner === undefined) owners.set(id, who)
      else wrong.push(`${id} was given to ${who} while ${owner} had it`)
    }
  }
  return wrong
}
