import { Effect } from "effect"
import type { KafkaError } from "../errors.ts"
import type { KafkaRecord } from "../records.ts"
import { decode, encode, storedLength } from "./encoding.ts"
import { kinds, noProducer } from "./log.ts"
import type { Log, StoredBatch } from "./log.ts"
import { readStored } from "./reader.ts"
import { batchBytes, batchRecords } from "./storage.ts"
import type { Storage } from "./storage.ts"

/** Keys one pass can hold (some 20 MB of memory): a longer log takes several passes. */
const passKeys = 200_000
/** Batches per piece of work. */
const pieceBatches = 64

/** The last offset of every key in a stretch that ends at `end`. */
export interface KeyIndex {
  readonly end: number
  readonly newest: ReadonlyMap<string, number>
}

/** Latin-1 makes a string of any bytes, one to one. */
const keyOf = (key: Uint8Array): string => Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1")

const recordsOf = (batch: StoredBatch, from: number): ReadonlyArray<KafkaRecord> => {
  const records: Array<KafkaRecord> = []
  if (batch.kind === kinds.data) decode(batch.bytes, batch.base, from, records)
  return records
}

const pieceOf = (storage: Storage, log: Log, from: number, end: number): ReadonlyArray<StoredBatch> => {
  const batches: Array<StoredBatch> = []
  for (const batch of storage.batches(log, from)) {
    if (batch.base >= end || batches.length === pieceBatches) break
    batches.push(batch)
  }
  return batches
}

/** First half of a pass: reads on from where the last one ended, for as many keys as fit. Yields between pieces. */
export const indexKeys = (storage: Storage, log: Log): Effect.Effect<KeyIndex, KafkaError> =>
  Effect.gen(function* () {
    const newest = new Map<string, number>()
    const until = log.stable
    let end = Math.max(log.cleaned, log.first)
    while (end < until && newest.size < passKeys) {
      const piece = yield* readStored(() => pieceOf(storage, log, end, until))
      for (const batch of piece) {
        for (const { key, offset } of recordsOf(batch, end)) if (key !== null) newest.set(keyOf(key), offset)
      }
      end = piece.length < pieceBatches ? until : piece[piece.length - 1]!.last + 1
      yield* Effect.yieldNow
    }
    return { end, newest }
  })

export const hasExpiredTombstones = ({ db }: Storage, log: Log, now: number): boolean =>
  db.prepare("SELECT 1 FROM batches WHERE log = ? AND horizon <= ? LIMIT 1").get(log.id, now) !== undefined

interface Pass extends KeyIndex {
  readonly from: number
  readonly now: number
  /** When the tombstones met for the first time may go. */
  readonly keepUntil: number
}

/** What stays of a batch, and until when its tombstones do. */
const survivors = (batch: StoredBatch, { keepUntil, newest, now }: Pass) => {
  const due = batch.horizon !== null && batch.horizon <= now
  const records = recordsOf(batch, batch.base).filter(({ key, offset, value }) => {
    if (key === null) return true
    if (value === null && due) return false
    return offset >= (newest.get(keyOf(key)) ?? offset)
  })
  const tombstones = records.some(({ value }) => value === null)
  return { records, horizon: tombstones ? (batch.horizon ?? keepUntil) : null }
}

/**
 * Second half of a pass, one piece of it: drops records that a later one of the same key follows, aborted records, markers (the
 * batches say themselves what was aborted) and tombstones that are due, and joins what is left into full batches.
 * Offsets stay. Answers where the next piece begins, or undefined at the end.
 */
export const compactPiece = (storage: Storage, log: Log, pass: Pass): number | undefined => {
  const piece = pieceOf(storage, log, pass.from, pass.end)
  if (piece.length === 0) return undefined
  const rewritten: Array<StoredBatch> = []
  let open: Array<KafkaRecord> = []
  let length = 0
  let horizon: number | null = null
  const close = () => {
    if (open.length > 0) rewritten.push(join(open, length, horizon))
    open = []
    length = 0
  }
  for (const batch of piece) {
    const kept = survivors(batch, pass)
    if (kept.horizon !== horizon) close()
    horizon = kept.horizon
    for (const record of kept.records) {
      const bytes = storedLength(record)
      if (open.length === batchRecords || length + bytes > batchBytes) close()
      open.push(record)
      length += bytes
    }
  }
  close()
  const last = piece[piece.length - 1]!.last
  const first = piece[0]!
  storage.db.prepare("DELETE FROM batches WHERE log = ? AND last BETWEEN ? AND ?").run(log.id, first.last, last)
  for (const batch of rewritten) storage.insert(log, batch, false)
  // The end of the log may have been a marker that is gone now.
  storage.db.prepare("UPDATE logs SET next = ? WHERE id = ?").run(log.next, log.id)
  storage.forget(log)
  return last + 1
}

const join = (records: ReadonlyArray<KafkaRecord>, length: number, horizon: number | null): StoredBatch => {
  const base = records[0]!.offset
  let newest = -1
  for (const { timestamp } of records) if (timestamp > newest) newest = timestamp
  return {
    base,
    last: records[records.length - 1]!.offset,
    kind: kinds.data,
    producer: noProducer,
    newest,
    horizon,
    bytes: encode(records, length, (index) => records[index]!.offset - base)
  }
}
