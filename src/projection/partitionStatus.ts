import { keptBack } from "../kafka/undecided.ts"
import type { Undecided } from "../kafka/undecided.ts"
import type { Owned, PartitionStatus } from "./shape.ts"

/** How long the database may take for one transaction before it is named, in milliseconds: as long as an actor's handler. */
const stuckAfter = 30_000

/** A transaction under way. */
export interface Writing {
  readonly table: string
  /** Milliseconds since the epoch; none: there is none. */
  readonly since: number | undefined
}

/** A partition as it is now. One that waits for the database says so: lag alone does not tell it from one that is busy. */
export const partitionStatus = (
  { end, position: { partition, topic }, read: settled, turns }: Owned,
  { since, table }: Writing,
  undecided: Undecided | undefined,
  now: number
): PartitionStatus => {
  const lag = Math.max(0, Math.max(end, undecided?.end ?? 0) - settled)
  const isHeld = lag > 0 && since !== undefined && now - since >= stuckAfter
  const holder = isHeld
    ? {
        key: table,
        by: "transaction" as const,
        since,
        cause: `the database does not end the transaction on table ${table}`
      }
    : undecided && keptBack(topic, undecided, now, stuckAfter)
  return {
    topic,
    partition,
    lag,
    settled,
    turns,
    inFlight: 0,
    parked: 0,
    held: holder === undefined ? null : { ...holder, since: new Date(holder.since).toISOString() }
  }
}
