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
  now: number
): PartitionStatus => {
  const lag = Math.max(0, end - settled)
  const isHeld = lag > 0 && since !== undefined && now - since >= stuckAfter
  return {
    topic,
    partition,
    lag,
    settled,
    turns,
    inFlight: 0,
    parked: 0,
    held: isHeld
      ? {
          key: table,
          by: "transaction",
          since: new Date(since).toISOString(),
          cause: `the database does not end the transaction on table ${table}`
        }
      : null
  }
}
