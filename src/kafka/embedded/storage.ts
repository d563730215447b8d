import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite"
import { crc32 } from "node:zlib"
import { KafkaError } from "../errors.ts"
import type { KafkaRecord } from "../records.ts"
import { decode, encode, storedLength } from "./encoding.ts"
import type { StoredRecord } from "./encoding.ts"
import { kinds, noProducer } from "./log.ts"
import type { Kind, Log, StoredBatch } from "./log.ts"
import { Tail } from "./tail.ts"

/** A batch is closed at either bound (a single record may be larger). */
export const batchRecords = 256
export const batchBytes = 64 * 1024

export interface ReadBounds {
  /** Up to (not with) this offset. */
  readonly to: number
  /** At most this many bytes … */
  readonly budget: number
  /** … but at least one batch. */
  readonly must: boolean
  /** Without what was aborted. What is still open ends where `to` does. */
  readonly committed: boolean
}

/** What one read brought; `bytes` is what was read for it, also of batches that are not shown. */
export interface ReadResult {
  readonly records: Array<KafkaRecord>
  readonly next: number
  readonly bytes: number
}

type Row = Record<string, SQLOutputValue>

/** The records of all partitions as batches in the database, and the tail of them in memory. Synchronous throughout. */
export class Storage {
  readonly #tail = new Tail()
  readonly #insert: StatementSync
  readonly #from: StatementSync
  readonly #abort: StatementSync
  readonly #byTime: StatementSync
  readonly db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.db = db
    this.#insert = db.prepare("INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
    this.#from = db.prepare("SELECT * FROM batches WHERE log = ? AND last >= ? ORDER BY last")
    this.#abort = db.prepare("UPDATE batches SET kind = ? WHERE log = ? AND last >= ? AND producer = ? AND kind = ?")
    this.#byTime = db.prepare("SELECT * FROM batches WHERE log = ? AND last >= ? AND newest >= ? ORDER BY last LIMIT 1")
  }

  /** Gives records their offsets and answers the first; they are stored by `seal`, at the latest at the end of the flush. */
  append(log: Log, record: StoredRecord, producer: number): number {
    const length = storedLength(record)
    const current = log.building
    if (current !== undefined) {
      const fits = current.records.length < batchRecords && current.length + length <= batchBytes
      if (fits && current.producer === producer) {
        current.records.push(record)
        current.length += length
        return log.next++
      }
      this.seal(log)
    }
    log.building = { producer, base: log.next, records: [record], length }
    return log.next++
  }

  /** Stores what was appended and is not yet a batch. */
  seal(log: Log): void {
    const building = log.building
    if (building === undefined) return
    log.building = undefined
    let newest = -1
    for (const { timestamp } of building.records) if (timestamp > newest) newest = timestamp
    this.insert(log, {
      base: building.base,
      last: log.next - 1,
      kind: kinds.data,
      producer: building.producer,
      newest,
      horizon: null,
      bytes: encode(building.records, building.length)
    })
  }

  /** A control marker takes an offset, as on Kafka. */
  mark(log: Log, producer: number, kind: Kind): void {
    this.seal(log)
    const offset = log.next++
    const bytes = new Uint8Array(0)
    this.insert(log, { base: offset, last: offset, kind, producer, newest: -1, horizon: null, bytes })
  }

  insert(log: Log, batch: StoredBatch, toTail = true): void {
    const { base, bytes, horizon, kind, last, newest, producer } = batch
    this.#insert.run(log.id, base, last, kind, producer, newest, horizon, crc32(bytes), bytes)
    if (toTail) this.#tail.add(log.id, batch)
  }

  /** Hides a producer's open transaction for good. */
  abort(log: Log, producer: number, first: number): void {
    this.seal(log)
    for (const batch of this.#tail.from(log.id, first) ?? []) {
      if (batch.producer === producer && batch.kind === kinds.data) batch.kind = kinds.aborted
    }
    // The part of the tail after an eviction begins later than `first`: what is left of it is not worth keeping.
    if (this.#tail.from(log.id, first) === undefined) this.#tail.drop(log.id)
    this.#abort.run(kinds.aborted, log.id, first, producer, kinds.data)
  }

  /** Stored batches from the one that holds `offset`, or the next one there is. */
  *batches(log: Log, offset: number): Iterable<StoredBatch> {
    const near = this.#tail.from(log.id, offset)
    if (near !== undefined) yield* near
    else for (const row of this.#from.iterate(log.id, offset)) yield toBatch(log, row)
  }

  /** Reads from an offset on. */
  read(log: Log, from: number, { budget, committed, must, to }: ReadBounds): ReadResult {
    const records: Array<KafkaRecord> = []
    let next = from
    let bytes = 0
    for (const batch of this.batches(log, from)) {
      if (batch.base >= to) break
      const full = bytes + batch.bytes.length > budget
      if (full && !(must && bytes === 0)) return { records, next, bytes }
      bytes += batch.bytes.length
      if (batch.kind === kinds.data || (batch.kind === kinds.aborted && !committed)) {
        decode(batch.bytes, batch.base, from, records)
      }
      next = batch.last + 1
    }
    // Compaction may have left nothing between here and the end.
    return { records, next: Math.max(next, to), bytes }
  }

  /** The first offset with a timestamp at or after `time`, if any. */
  offsetAt(log: Log, time: number): number | undefined {
    const row = this.#byTime.get(log.id, log.first, time)
    if (row === undefined) return undefined
    const batch = toBatch(log, row)
    const records: Array<KafkaRecord> = []
    decode(batch.bytes, batch.base, log.first, records)
    return records.find((record) => record.timestamp >= time)?.offset
  }

  /** Forgets what memory knows of a log after its stored batches were changed. */
  forget(log: Log): void {
    this.#tail.drop(log.id)
  }
}

const toBatch = (log: Log, row: Row): StoredBatch => {
  const bytes = row["bytes"] as Uint8Array
  if (crc32(bytes) !== row["checksum"]) {
    const { partition, topic } = log
    const message = `the batch at offset ${String(row["base"])} of ${topic}/${partition} fails its checksum`
    throw new KafkaError({ reason: "CorruptBatch", message, topic, partition })
  }
  return {
    base: Number(row["base"]),
    last: Number(row["last"]),
    kind: Number(row["kind"]) as Kind,
    producer: Number(row["producer"] ?? noProducer),
    newest: Number(row["newest"]),
    horizon: row["horizon"] === null ? null : Number(row["horizon"]),
    bytes
  }
}
