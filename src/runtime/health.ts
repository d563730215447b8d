import type { Cell } from "./cell.ts"
import type { Partition } from "./partition.ts"

/** What holds something back: a key (or the transaction, the changelog, …), since when (ISO 8601), and why. */
export interface Held {
  readonly key: string
  readonly since: string
  readonly cause: string
}

export interface PartitionStatus {
  readonly partition: number
  /** Messages in the inbox that are not settled, by position. */
  readonly lag: number
  readonly inFlight: number
  readonly parked: number
  /** What holds the partition's progress, or a key of it, if anything does. */
  readonly held: Held | null
  /** Offsets of the changelog, while the partition is being restored. */
  readonly restoring?: { readonly done: number; readonly end: number }
}

/** What else a partition's progress depends on. Times are milliseconds since the epoch. */
export interface Circumstances {
  readonly now: number
  /** How long a partition with lag may go without a settle, and a handler may run, before it is named. */
  readonly stuckAfter: number
  /** The commit that has not succeeded yet. */
  readonly settling: { readonly id: string; readonly since: number; readonly cause: string } | undefined
  /** Since when the group allows no commits: it is rebalancing, or has no place for this member. */
  readonly gatedSince: number | undefined
}

interface Holder {
  readonly key: string
  readonly since: number
  readonly cause: string
}

/** A partition as it is now. A group that is stable and heartbeats says nothing about progress; this does. */
export const partitionStatus = (partition: Partition, circumstances: Circumstances): PartitionStatus => {
  let [parked, operator] = [0, undefined as Holder | undefined]
  for (const cell of partition.waiting) {
    parked += cell.parked.length
    operator = earlier(operator, heldByOperator(cell))
  }
  const settled = partition.window.size === 0 ? partition.readOffset : partition.position.next
  const lag = Math.max(0, partition.endOffset - settled)
  const held =
    obstacle(partition, lag, circumstances) ?? earlier(operator, longestHandler(partition, circumstances)) ?? null
  return {
    partition: partition.partition,
    lag,
    inFlight: partition.window.size,
    parked,
    held: held && { ...held, since: new Date(held.since).toISOString() },
    ...(partition.phase === "restoring" ? { restoring: { ...partition.restored } } : {})
  }
}

const earlier = (a: Holder | undefined, b: Holder | undefined): Holder | undefined =>
  a === undefined || (b !== undefined && b.since < a.since) ? b : a

const heldByOperator = ({ key, parked, paused, wait }: Cell): Holder | undefined => {
  if (paused !== undefined && parked.length > 0) return { key, since: paused.since, cause: "paused by an operator" }
  return wait === undefined || wait.until !== undefined ? undefined : { key, since: wait.since, cause: wait.cause }
}

const longestHandler = (partition: Partition, { now, stuckAfter }: Circumstances): Holder | undefined => {
  let longest: Holder | undefined
  for (const { key, running } of partition.running) {
    if (now - running!.since < stuckAfter) continue
    longest = earlier(longest, { key, since: running!.since, cause: "its handler is running" })
  }
  return longest
}

/** Why nothing has been settled for so long although there is something to settle; none where all is well. */
const obstacle = (
  partition: Partition,
  lag: number,
  { gatedSince, now, settling, stuckAfter }: Circumstances
): Holder | undefined => {
  const since = partition.progressAt
  if (now - since < stuckAfter) return undefined
  if (partition.phase === "restoring") {
    const { done, end } = partition.restored
    return { key: "changelog", since, cause: `restoring: at offset ${done} of ${end}` }
  }
  if (lag === 0 && partition.unsettled === 0) return undefined
  if (settling !== undefined && now - settling.since >= stuckAfter) {
    return { key: settling.id, since: settling.since, cause: settling.cause }
  }
  if (gatedSince !== undefined && now - gatedSince >= stuckAfter) {
    return { key: "group", since: gatedSince, cause: "the group is rebalancing: nothing may be committed" }
  }
  const holder = partition.window.holder()
  if (holder === undefined) return { key: partition.topic, since, cause: "waiting for the broker" }
  const { key, running } = holder.cell
  return running === undefined
    ? { key, since, cause: "its message waits for a worker" }
    : { key, since: running.since, cause: "its handler is running" }
}
