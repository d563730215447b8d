import { cooperative } from "../assignor.ts"
import type { Subscriber } from "../assignor.ts"
import type { Membership } from "../kafka.ts"
import type { TopicPartition } from "../records.ts"

/**
 * A consumer group as a pure state machine (Kafka's classic protocol, cooperative-sticky): events in, decisions out.
 *
 *     empty ── join ──▶ joining ── everyone has joined ──▶ stable ── join, leave, expiry ──▶ joining …
 */
export interface GroupMember extends Subscriber {
  readonly instanceId: string | undefined
  readonly assignment: ReadonlyArray<TopicPartition>
  /** Whether it has joined in the round under way. */
  readonly joined: boolean
}

export interface Group {
  readonly phase: "empty" | "joining" | "stable"
  /** Counts completed rounds. The fence of commits: an old one is refused. */
  readonly generation: number
  readonly members: ReadonlyMap<string, GroupMember>
}

/** What a member is to be told. */
export type Decision =
  | { readonly tell: "rejoin"; readonly member: string }
  | {
      readonly tell: "synced"
      readonly member: string
      readonly generation: number
      readonly assignment: ReadonlyArray<TopicPartition>
    }
  /** Another member with its instance id has taken its place (KIP-345). */
  | { readonly tell: "replaced"; readonly member: string }
  /** Its session expired. */
  | { readonly tell: "expired"; readonly member: string }

export type Step = readonly [group: Group, decisions: ReadonlyArray<Decision>]

export interface JoinRequest extends Subscriber {
  readonly instanceId: string | undefined
}

/** The partitions of a topic, in order. */
export type PartitionsOf = (topic: string) => ReadonlyArray<TopicPartition>

export const emptyGroup = (generation: number): Group => ({ phase: "empty", generation, members: new Map() })

/** Why a commit by this member is refused, if it is. A live member may commit during a rebalance, with its generation. */
export const staleness = (
  group: Group | undefined,
  { generation, group: name, memberId }: Membership
): string | undefined => {
  if (group === undefined || !group.members.has(memberId)) return `group ${name} has no member ${memberId}`
  if (group.generation === generation) return undefined
  return `group ${name} is at generation ${group.generation}; ${memberId} came with ${generation}`
}

const everyone = (group: Group, change: (member: GroupMember) => GroupMember): ReadonlyMap<string, GroupMember> =>
  new Map([...group.members].map(([id, member]) => [id, change(member)]))

/** Ends the round if everyone has joined: a new generation, and its assignments. */
const complete = (group: Group, partitionsOf: PartitionsOf): Step => {
  const members = [...group.members.values()]
  if (group.phase !== "joining" || !members.every((member) => member.joined)) return [group, []]
  const generation = group.generation + 1
  const topics = [...new Set(members.flatMap((member) => member.topics))].sort()
  const assignments = cooperative(members, topics.flatMap(partitionsOf))
  const next = everyone(group, (member) => ({ ...member, assignment: assignments.get(member.id) ?? [] }))
  const decisions = [...next.values()].map(({ assignment, id: member }): Decision => ({
    tell: "synced",
    member,
    generation,
    assignment
  }))
  return [{ phase: "stable", generation, members: next }, decisions]
}

/** Begins a round unless one is under way; the members must join again. */
export const rebalance = (group: Group): Step => {
  if (group.phase !== "stable") return [group, []]
  const members = everyone(group, (member) => ({ ...member, joined: false }))
  const decisions = [...members.keys()].map((member): Decision => ({ tell: "rejoin", member }))
  return [{ ...group, phase: "joining", members }, decisions]
}

/** JoinGroup, by a new member or by one that is asked to or gives partitions up. */
export const join = (group: Group, request: JoinRequest, partitionsOf: PartitionsOf): Step => {
  const namesake =
    request.instanceId === undefined
      ? undefined
      : [...group.members.values()].find(
          (member) => member.instanceId === request.instanceId && member.id !== request.id
        )
  if (namesake !== undefined) return replace(group, namesake, request, partitionsOf)
  const [begun, asked] = rebalance(group)
  const member: GroupMember = { ...request, assignment: group.members.get(request.id)?.assignment ?? [], joined: true }
  const joining: Group = { ...begun, phase: "joining", members: new Map(begun.members).set(request.id, member) }
  const others = asked.filter((decision) => decision.member !== request.id)
  const [next, decisions] = complete(joining, partitionsOf)
  return [next, [...others, ...decisions]]
}

/** A static member that comes back takes its place: in a stable group without a rebalance. */
const replace = (group: Group, old: GroupMember, request: JoinRequest, partitionsOf: PartitionsOf): Step => {
  const told: Decision = { tell: "replaced", member: old.id }
  const members = new Map(group.members)
  members.delete(old.id)
  const sameTopics =
    old.topics.length === request.topics.length && old.topics.every((topic) => request.topics.includes(topic))
  if (group.phase === "stable" && sameTopics) {
    const member: GroupMember = { ...request, assignment: old.assignment, joined: true }
    const { generation } = group
    const synced: Decision = { tell: "synced", member: request.id, generation, assignment: old.assignment }
    return [{ ...group, members: members.set(request.id, member) }, [told, synced]]
  }
  const [next, decisions] = join({ ...group, members }, request, partitionsOf)
  return [next, [told, ...decisions]]
}

/** A member is gone: it left, or its session expired. What it owned is free at once, for its generation fences it. */
export const remove = (group: Group, member: string, why: "left" | "expired", partitionsOf: PartitionsOf): Step => {
  if (!group.members.has(member)) return [group, []]
  const members = new Map(group.members)
  members.delete(member)
  const told: ReadonlyArray<Decision> = why === "expired" ? [{ tell: "expired", member }] : []
  if (members.size === 0) return [emptyGroup(group.generation + 1), told]
  const [begun, asked] = rebalance({ ...group, members })
  const [next, decisions] = complete(begun, partitionsOf)
  return [next, [...told, ...asked, ...decisions]]
}

/** Members that have not joined in the round under way. */
export const laggards = (group: Group): ReadonlyArray<string> =>
  group.phase === "joining" ? [...group.members.values()].filter((member) => !member.joined).map(({ id }) => id) : []
