import type { StoredRecord } from "./encoding.ts"

/** What a stored batch holds. The kind of a transaction's data changes to `aborted` when the transaction does. */
export const kinds = { data: 0, aborted: 1, commitMarker: 2, abortMarker: 3 } as const
export type Kind = (typeof kinds)[keyof typeof kinds]

/** The producer of what is written without a transaction. */
export const noProducer = 0

export interface StoredBatch {
  readonly base: number
  readonly last: number
  kind: Kind
  /** Of transactional data and markers; else `noProducer`. */
  readonly producer: number
  /** Newest timestamp in it; −1 for a marker. */
  readonly newest: number
  /** When the tombstones in it may go, in milliseconds since the epoch; none before they were cleaned once (KIP-534). */
  readonly horizon: number | null
  readonly bytes: Uint8Array
}

/** Records accepted but not yet made a batch: those of one producer, one after the other. */
export interface Building {
  readonly producer: number
  readonly base: number
  readonly records: Array<StoredRecord>
  length: number
}

/** One partition. `end` and `stable` move only once what is before them is on disk. */
export interface Log {
  readonly id: number
  readonly topic: string
  readonly partition: number
  /** First offset still here. */
  first: number
  /** Where the next record goes. */
  next: number
  /** High watermark. */
  end: number
  /** Last stable offset: the first of the transactions still open, else `end`. */
  stable: number
  /** Up to here the keys have been compacted. */
  cleaned: number
  /** First offset of each open transaction, by producer. */
  readonly open: Map<number, number>
  building: Building | undefined
  /** Called after `end`, `stable` or the existence of the partition changed. */
  readonly watchers: Set<() => void>
  deleted: boolean
}

export const makeLog = (from: Pick<Log, "id" | "topic" | "partition" | "first" | "next" | "cleaned">): Log => ({
  ...from,
  end: from.next,
  stable: from.next,
  open: new Map(),
  building: undefined,
  watchers: new Set(),
  deleted: false
})

/** Moves `end` and `stable` to what has become durable. */
export const publish = (log: Log): void => {
  log.end = log.next
  log.stable = log.next
  for (const first of log.open.values()) if (first < log.stable) log.stable = first
}
