import { noHeaders } from "../records.ts"
import type { Header, KafkaRecord } from "../records.ts"
import { at, attribute, beforeLength, checksum, readLong } from "./batch-format.ts"
import { decompress } from "./decompress.ts"
import { Cursor } from "./varint.ts"

/** A batch that is not as its checksum or its format says. */
export class CorruptBatch extends Error {}

/** What a batch's header says. `start` and `end` are its place in the bytes of a fetch. */
export interface BatchHeader {
  readonly start: number
  readonly end: number
  readonly baseOffset: number
  /** One past the last offset it stands for, records or not. */
  readonly nextOffset: number
  readonly attributes: number
  readonly producerId: bigint
}

/**
 * The header of the batch at `start`; none where the bytes end within the batch, as a fetch's last batch may.
 * Throws `CorruptBatch`.
 */
export const readHeader = (bytes: Buffer, start: number): BatchHeader | undefined => {
  if (bytes.length - start < at.magic + 1) return undefined
  const length = bytes.readInt32BE(start + at.length)
  const end = start + beforeLength + length
  const magic = bytes[start + at.magic]!
  const baseOffset = readLong(bytes, start + at.baseOffset)
  if (magic !== 2) throw new CorruptBatch(`the batch at offset ${baseOffset} has format ${magic}; 2 is read`)
  if (length < at.records - beforeLength)
    throw new CorruptBatch(`the batch at offset ${baseOffset} claims ${length} bytes`)
  if (end > bytes.length) return undefined
  return {
    start,
    end,
    baseOffset,
    nextOffset: baseOffset + bytes.readInt32BE(start + at.lastOffsetDelta) + 1,
    attributes: bytes.readInt16BE(start + at.attributes),
    producerId: bytes.readBigInt64BE(start + at.producerId)
  }
}

export const verifyChecksum = (bytes: Buffer, { baseOffset, end, start }: BatchHeader): void => {
  const computed = checksum(bytes.subarray(start + at.attributes, end))
  if (computed !== bytes.readUInt32BE(start + at.crc))
    throw new CorruptBatch(`the batch at offset ${baseOffset} fails its checksum`)
}

export const isControl = (header: BatchHeader): boolean => (header.attributes & attribute.control) !== 0
export const isTransactional = (header: BatchHeader): boolean => (header.attributes & attribute.transactional) !== 0

const readHeaders = (cursor: Cursor, count: number): ReadonlyArray<Header> => {
  if (count === 0) return noHeaders
  if (count < 0 || count > cursor.end - cursor.position) throw new CorruptBatch(`a record claims ${count} headers`)
  return Array.from({ length: count }, () => {
    const name = cursor.view()
    if (name === null) throw new CorruptBatch("a header has no name")
    return [name.toString(), cursor.view() ?? new Uint8Array(0)]
  })
}

/** A batch whose records are taken in parts. */
export interface OpenBatch {
  readonly baseOffset: number
  readonly baseTimestamp: number
  /** Of the whole batch, where the broker sets it. */
  readonly appendTime: number | undefined
  readonly cursor: Cursor
  /** Records that are not yet taken. */
  left: number
}

/** What is thrown where a batch is read becomes `CorruptBatch`, and what it has given of itself so far is taken back. */
const reading = <A>(baseOffset: number, into: Array<KafkaRecord>, read: () => A): A => {
  const before = into.length
  try {
    return read()
  } catch (cause) {
    into.length = before
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CorruptBatch(`the batch at offset ${baseOffset} cannot be read: ${why}`, { cause })
  }
}

/** Throws `CorruptBatch`, also where the records are more than the limit of `decompress`. */
export const openBatch = (bytes: Buffer, { attributes, baseOffset, end, start }: BatchHeader): OpenBatch =>
  reading(baseOffset, [], () => {
    const compression = attributes & attribute.compression
    const cursor = new Cursor(bytes, start + at.records, end)
    const body = compression === 0 ? undefined : decompress(compression, bytes.subarray(cursor.position, end))
    return {
      baseOffset,
      baseTimestamp: readLong(bytes, start + at.baseTimestamp),
      appendTime: (attributes & attribute.logAppendTime) === 0 ? undefined : readLong(bytes, start + at.maxTimestamp),
      cursor: body === undefined ? cursor : new Cursor(body, 0, body.length),
      left: bytes.readInt32BE(start + at.count)
    }
  })

/**
 * Appends the batch's next records at offset `from` or later, as many as fit into `budget` bytes (decompressed, as the batch has them);
 * of those that do not fit one where `must`. Answers the bytes taken. Keys and values are views of the fetched bytes: a record that is
 * kept for long keeps its neighbours with it, unless it is copied. Throws `CorruptBatch`.
 */
export const takeRecords = (
  open: OpenBatch,
  from: number,
  budget: number,
  must: boolean,
  into: Array<KafkaRecord>
): number =>
  reading(open.baseOffset, into, () => {
    const { appendTime, baseOffset, baseTimestamp, cursor } = open
    let taken = 0
    for (; open.left > 0; open.left--) {
      const begin = cursor.position
      const next = cursor.varint() + cursor.position
      if (next < cursor.position || next > cursor.end) throw new RangeError("a record has an impossible length")
      cursor.position++
      const timestamp = appendTime ?? baseTimestamp + cursor.varint()
      if (appendTime !== undefined) cursor.varint()
      const offset = baseOffset + cursor.varint()
      if (offset < from) {
        cursor.position = next
        continue
      }
      if (taken + next - begin > budget && !(must && taken === 0)) {
        cursor.position = begin
        break
      }
      const key = cursor.view()
      const value = cursor.view()
      into.push({ offset, timestamp, key, value, headers: readHeaders(cursor, cursor.varint()) })
      if (cursor.position !== next) throw new RangeError("a record has an impossible length")
      taken += next - begin
    }
    return taken
  })

/** Appends all records of the batch at offset `from` or later. Throws `CorruptBatch`. */
export const decodeRecords = (bytes: Buffer, header: BatchHeader, from: number, into: Array<KafkaRecord>): void => {
  takeRecords(openBatch(bytes, header), from, Infinity, true, into)
}

/** Whether a control batch is the marker of an abort (KIP-98); commits and other controls are not. */
export const isAbortMarker = (bytes: Buffer, header: BatchHeader): boolean => {
  const records: Array<KafkaRecord> = []
  decodeRecords(bytes, header, 0, records)
  const key = records[0]?.key
  // version int16, type int16: 0 is abort, 1 is commit
  return key !== undefined && key !== null && key.length >= 4 && key[2] === 0 && key[3] === 0
}
