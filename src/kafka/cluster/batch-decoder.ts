import { compressionsAlgorithmsByBitmask } from "@platformatic/kafka"
import { noHeaders } from "../records.ts"
import type { Header, KafkaRecord } from "../records.ts"
import { at, attribute, beforeLength, checksum, readLong } from "./batch-format.ts"
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

const decode = (
  bytes: Buffer,
  { attributes, baseOffset, end, start }: BatchHeader,
  from: number,
  into: Array<KafkaRecord>
): void => {
  const codec = compressionsAlgorithmsByBitmask[attributes & attribute.compression]
  if (codec === undefined) throw new CorruptBatch(`the batch at offset ${baseOffset} has an unknown compression`)
  const compressed = codec.bitmask !== 0
  const body = compressed ? codec.decompressSync(bytes.subarray(start + at.records, end)) : bytes
  const cursor = compressed ? new Cursor(body, 0, body.length) : new Cursor(body, start + at.records, end)
  const count = bytes.readInt32BE(start + at.count)
  const baseTimestamp = readLong(bytes, start + at.baseTimestamp)
  const appendTime = (attributes & attribute.logAppendTime) !== 0 ? readLong(bytes, start + at.maxTimestamp) : undefined
  for (let i = 0; i < count; i++) {
    const next = cursor.varint() + cursor.position
    cursor.position++
    const timestamp = appendTime ?? baseTimestamp + cursor.varint()
    if (appendTime !== undefined) cursor.varint()
    const offset = baseOffset + cursor.varint()
    if (offset < from) {
      if (next < cursor.position || next > cursor.end) throw new RangeError("a record has an impossible length")
      cursor.position = next
      continue
    }
    const key = cursor.view()
    const value = cursor.view()
    into.push({ offset, timestamp, key, value, headers: readHeaders(cursor, cursor.varint()) })
    if (cursor.position !== next) throw new RangeError("a record has an impossible length")
  }
}

/**
 * Appends the batch's records at offset `from` or later. Keys and values are views of the fetched bytes: a record that is
 * kept for long keeps its neighbours with it, unless it is copied. Throws `CorruptBatch`.
 */
export const decodeRecords = (bytes: Buffer, header: BatchHeader, from: number, into: Array<KafkaRecord>): void => {
  try {
    decode(bytes, header, from, into)
  } catch (error) {
    if (error instanceof CorruptBatch) throw error
    throw new CorruptBatch(`the batch at offset ${header.baseOffset} cannot be parsed`, { cause: error })
  }
}

/** Whether a control batch is the marker of an abort (KIP-98); commits and other controls are not. */
export const isAbortMarker = (bytes: Buffer, header: BatchHeader): boolean => {
  const records: Array<KafkaRecord> = []
  decodeRecords(bytes, header, 0, records)
  const key = records[0]?.key
  // version int16, type int16: 0 is abort, 1 is commit
  return key !== undefined && key !== null && key.length >= 4 && key[2] === 0 && key[3] === 0
}
