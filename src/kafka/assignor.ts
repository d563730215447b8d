import { partitionId } from "./records.ts"
import type { TopicPartition } from "./records.ts"

/** A member as the assignor sees it. */
export interface Subscriber {
  readonly id: string
  readonly topics: ReadonlyArray<string>
  /** What it owned when it joined, and the generation it got that in (KIP-792). */
  readonly owned: ReadonlyArray<TopicPartition>
  readonly ownedSince: number
}

export type Assignments = ReadonlyMap<string, ReadonlyArray<TopicPartition>>

interface Claim {
  /** Absent where two claim it of the same generation: neither is believed, and both have to give it up first. */
  readonly member: string | undefined
  readonly since: number
}

/**
 * Who owns what; of two claims the later generation's holds. One of an earlier generation than the others' holds as well: its member has
 * missed an assignment (the next round began before it was told), and goes on with what it had.
 */
const claims = (members: ReadonlyArray<Subscriber>): Map<string, Claim> => {
  const found = new Map<string, Claim>()
  for (const { id, owned, ownedSince } of members) {
    for (const { partition, topic } of owned) {
      const key = partitionId(topic, partition)
      const other = found.get(key)
      if (other !== undefined && other.since > ownedSince) continue
      found.set(key, { member: other?.since === ownedSince ? undefined : id, since: ownedSince })
    }
  }
  return found
}

/**
 * The sticky target: every partition with a subscriber has one owner, no single move would even the load out further, and
 * as much as possible stays where it is. Deterministic in the order of members and partitions.
 */
export const sticky = (members: ReadonlyArray<Subscriber>, partitions: ReadonlyArray<TopicPartition>): Assignments => {
  const owners = claims(members)
  const target = new Map<string, Array<TopicPartition>>(members.map(({ id }) => [id, []]))
  const homeless: Array<TopicPartition> = []
  for (const partition of partitions) {
    const owner = members.find(({ id }) => id === owners.get(partitionId(partition.topic, partition.partition))?.member)
    if (owner?.topics.includes(partition.topic)) target.get(owner.id)!.push(partition)
    else homeless.push(partition)
  }
  const load = (id: string) => target.get(id)!.length
  const leastLoaded = (topic: string) => {
    let least: Subscriber | undefined
    for (const member of members) {
      if (member.topics.includes(topic) && (least === undefined || load(member.id) < load(least.id))) least = member
    }
    return least
  }
  for (const partition of homeless) {
    const member = leastLoaded(partition.topic)
    if (member !== undefined) target.get(member.id)!.push(partition)
  }
  // Each move lowers the sum of squared loads, so this ends.
  for (let moved = true; moved;) {
    moved = false
    for (const from of [...members].sort((a, b) => load(b.id) - load(a.id))) {
      const mine = target.get(from.id)!
      for (let i = mine.length - 1; i >= 0; i--) {
        const to = leastLoaded(mine[i]!.topic)
        if (to === undefined || load(from.id) - load(to.id) < 2) continue
        target.get(to.id)!.push(...mine.splice(i, 1))
        moved = true
      }
    }
  }
  return target
}

/**
 * What may be handed out now (KIP-429): a partition that is to move is withheld for as long as its old owner, still in the
 * group, has not joined without it.
 */
export const cooperative = (
  members: ReadonlyArray<Subscriber>,
  partitions: ReadonlyArray<TopicPartition>
): Assignments => {
  const owners = claims(members)
  const granted = new Map<string, ReadonlyArray<TopicPartition>>()
  for (const [id, wanted] of sticky(members, partitions)) {
    const free = wanted.filter(({ partition, topic }) => {
      const owner = owners.get(partitionId(topic, partition))
      return owner === undefined || owner.member === id
    })
    granted.set(id, free)
  }
  return granted
}
