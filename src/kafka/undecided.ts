/**
 * Records that a reader of committed data waits for, with all before them handed on: a transaction is open. `offset` is the last stable
 * offset (KIP-98), `since` when it was first seen to stand there (milliseconds since the epoch), `end` the end of the log.
 */
export interface Undecided {
  readonly offset: number
  readonly end: number
  readonly since: number
}

/** At `now`, by what the broker says of the log; the same for as long as the last stable offset stands where it is. */
export const undecidedAt = (
  before: Undecided | undefined,
  { end, offset }: Pick<Undecided, "offset" | "end">,
  now: number
): Undecided | undefined =>
  offset >= end ? undefined : { offset, end, since: before?.offset === offset ? before.since : now }

/** None while something before it is still to be handed on: `position` is what comes next. */
export const reached = (undecided: Undecided | undefined, position: number): Undecided | undefined =>
  undecided !== undefined && position >= undecided.offset ? undecided : undefined

/** How a partition is named that an open transaction has kept back for `stuckAfter` milliseconds; producers write in transactions all the time. */
export const keptBack = (topic: string, { offset, since }: Undecided, now: number, stuckAfter: number) =>
  now - since < stuckAfter
    ? undefined
    : {
        key: topic,
        by: "inbox" as const,
        since,
        cause: `a transaction is open: nothing behind offset ${offset} can be read`
      }
