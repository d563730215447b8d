import { longer } from "../kafka/away.ts"
import { keptBack } from "../kafka/undecided.ts"
import type { Undecided } from "../kafka/undecided.ts"
import * as Entry from "../store/entry.ts"
import type { Cell } from "./cell.ts"
import type { Partition } from "./partition.ts"

/**
 * What `key` names where it is not simply a key that waits for an operator: the key of a handler that runs for long or of a
 * message that no worker takes, a transactional id, the changelog, the group, or the inbox.
 */
export type HeldBy = "handler" | "worker" | "transaction" | "changelog" | "group" | "inbox"

/** What holds something back: a key (or the transaction, the changelog, …), since when (ISO 8601), and why. */
export interface Held {
  readonly key: string
  readonly by?: HeldBy
  readonly since: string
  readonly cause: string
}

export interface PartitionStatus {
  readonly partition: number
  /** Messages in the inbox that are not settled, by position. */
  readonly lag: number
  /** The inbox's next offset that is not settled. */
  readonly settled?: number
  /** Turns settled since its owner took it, timers as well: two of them and the time between make a rate. */
  readonly turns?: number
  readonly inFlight: number
  readonly parked: number
  /** What holds the partition's progress, or a key of it, if anything does. */
  readonly held: Held | null
  /** Keys that go on only when an operator says so, paused ones without a message too: how many, and the longest held of them. */
  readonly stuck?: { readonly count: number; readonly keys: ReadonlyArray<Held> }
  /** When the oldest parked message was written (ISO 8601). */
  readonly oldestParked?: string
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
  /** What of the inbox an open transaction keeps back. */
  readonly undecided: Undecided | undefined
}

interface Holder {
  readonly key: string
  readonly by?: HeldBy
  readonly since: number
  readonly cause: string
}

/** A partition as it is now. A group that is stable and heartbeats says nothing about progress; this does. */
export const partitionStatus = (partition: Partition, circumstances: Circumstances): PartitionStatus => {
  let [parked, oldest] = [0, Infinity]
  const stuck: Array<Holder> = []
  for (const cell of partition.waiting) {
    parked += cell.parked.length
    const [first] = cell.parked
    // Its producer's clock, whatever that says.
    if (first !== undefined) oldest = Math.min(oldest, Math.max(0, Math.min(first.timestamp, circumstances.now)))
    const holder = heldByOperator(cell)
    if (holder !== undefined) stuck.push(holder)
  }
  stuck.sort((a, b) => a.since - b.since)
  // A pause behind which nothing waits holds nothing.
  const operator = stuck.find(({ key }) => waitsForOperator(partition, key))
  const settled = partition.window.size === 0 ? partition.readOffset : partition.position.next
  const lag = Math.max(0, Math.max(partition.endOffset, circumstances.undecided?.end ?? 0) - settled)
  // What waits for an operator is told beside it, in `stuck`: a handler that hangs would be told nowhere else.
  const held = obstacle(partition, lag, circumstances) ?? longestHandler(partition, circumstances) ?? operator ?? null
  return {
    partition: partition.partition,
    lag,
    settled,
    turns: partition.turns,
    inFlight: partition.window.size,
    parked,
    held: held && told(held),
    ...(stuck.length === 0 ? {} : { stuck: { count: stuck.length, keys: stuck.slice(0, mostNamed).map(told) } }),
    ...(oldest === Infinity ? {} : { oldestParked: new Date(oldest).toISOString() }),
    ...(partition.phase === "restoring" ? { restoring: { ...partition.restored } } : {})
  }
}

/** Keys named of one partition. */
const mostNamed = 20

const told = (holder: Holder): Held => ({ ...holder, since: new Date(holder.since).toISOString() })

const heldByOperator = ({ key, paused, timers, wait }: Cell): Holder | undefined => {
  if (paused !== undefined) return { key, since: paused.since, cause: "paused by an operator" }
  if (wait !== undefined && wait.until === undefined) return { key, since: wait.since, cause: wait.cause }
  for (const [name, { due, hold, retryAt }] of timers ?? []) {
    if (retryAt === Entry.held)
      return { key, since: hold?.since ?? due, cause: `timer ${name}: ${hold?.cause ?? "held"}` }
  }
  return undefined
}

const waitsForOperator = ({ cells }: Partition, key: string): boolean => {
  const cell = cells.get(key)
  return cell?.paused === undefined || cell.parked.length > 0
}

const longestHandler = (partition: Partition, { now, stuckAfter }: Circumstances): Holder | undefined => {
  let longest: Holder | undefined
  for (const { key, running } of partition.running) {
    if (now - running!.since < stuckAfter) continue
    longest = longer(longest, { key, by: "handler", since: running!.since, cause: "its handler is running" })
  }
  return longest
}

/** Why nothing has been settled for so long although there is something to settle; none where all is well. */
const obstacle = (
  partition: Partition,
  lag: number,
  { gatedSince, now, settling, stuckAfter, undecided }: Circumstances
): Holder | undefined => {
  const since = partition.progressAt
  if (now - since < stuckAfter) return undefined
  if (partition.phase === "restoring") {
    const { done, end } = partition.restored
    return { key: "changelog", by: "changelog", since, cause: `restoring: at offset ${done} of ${end}` }
  }
  if (lag === 0 && partition.unsettled === 0) return undefined
  if (partition.refusal !== undefined) return { by: "transaction", ...partition.refusal }
  if (settling !== undefined && now - settling.since >= stuckAfter) {
    return { key: settling.id, by: "transaction", since: settling.since, cause: settling.cause }
  }
  if (gatedSince !== undefined && now - gatedSince >= stuckAfter) {
    return { key: "group", by: "group", since: gatedSince, cause: "the group is rebalancing: nothing may be committed" }
  }
  const holder = partition.window.holder()
  if (holder === undefined) {
    return undecided === undefined
      ? { key: partition.topic, by: "inbox", since, cause: "waiting for the broker" }
      : keptBack(partition.topic, undecided, now, stuckAfter)
  }
  const { key, running } = holder.cell
  return running === undefined
    ? { key, by: "worker", since, cause: "its message waits for a worker" }
    : { key, by: "handler", since: running.since, cause: "its handler is running" }
}
