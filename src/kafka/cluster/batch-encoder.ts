import { compressionsAlgorithms, crc32c } from "@platformatic/kafka"
import type { ProducerRecord } from "../records.ts"
import { at, attribute, beforeLength, writeLong } from "./batch-format.ts"
import type { Compression } from "./settings.ts"
import * as Varint from "./varint.ts"

/** Bytes of records in one batch: half of what brokers allow by default. A larger record is a batch of its own. */
export const batchBytes = 512 * 1024

/** Bytes of a batch's header. */
export const batchOverhead: number = at.records

const overhead = (length: number) => (length < 64 ? 1 : Varint.sizeOf(length))
const bytesSize = (bytes: Uint8Array | null) => (bytes === null ? 1 : overhead(bytes.length) + bytes.length)

/** The record's own bytes, without the fields that depend on its place in a batch. */
const contentSize = (record: ProducerRecord): number => {
  let size = 1 + bytesSize(record.key) + bytesSize(record.value) + Varint.sizeOf(record.headers.length)
  for (const [name, value] of record.headers) {
    const length = Buffer.byteLength(name)
    size += overhead(length) + length + bytesSize(value)
  }
  return size
}

/** The most bytes the record can take in a batch: what it is charged against buffers and batch sizes. */
export const sizeBound = (record: ProducerRecord): number => contentSize(record) + 18

const writeBytes = (target: Buffer, position: number, bytes: Uint8Array | null): number => {
  if (bytes === null) return Varint.write(target, position, -1)
  position = Varint.write(target, position, bytes.length)
  const { length } = bytes
  if (length < 24) {
    for (let i = 0; i < length; i++) target[position + i] = bytes[i]!
  } else target.set(bytes, position)
  return position + length
}

const writeRecord = (
  target: Buffer,
  start: number,
  record: ProducerRecord,
  offsetDelta: number,
  timestampDelta: number
): number => {
  const size = contentSize(record) + Varint.sizeOf(offsetDelta) + Varint.sizeOf(timestampDelta)
  let position = Varint.write(target, start, size)
  target[position++] = 0
  position = Varint.write(target, position, timestampDelta)
  position = Varint.write(target, position, offsetDelta)
  position = writeBytes(target, position, record.key)
  position = writeBytes(target, position, record.value)
  position = Varint.write(target, position, record.headers.length)
  for (const [name, value] of record.headers) {
    position = Varint.write(target, position, Buffer.byteLength(name))
    position += target.write(name, position)
    position = writeBytes(target, position, value)
  }
  return position
}

/** Who writes a batch, and its place in that producer's sequence for the partition (KIP-98). */
export interface BatchIdentity {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
}

/**
 * The records as one batch, in one buffer. `bound` is the sum of their `sizeBound`s. Its identity is set apart (`sign`), so that
 * a batch is encoded once however often it is sent. At least one record.
 */
export const encodeBatch = (
  records: ReadonlyArray<ProducerRecord>,
  bound: number,
  options: { readonly compression: Compression; readonly transactional: boolean }
): Buffer => {
  let batch = Buffer.allocUnsafe(at.records + bound)
  const baseTimestamp = records[0]!.timestamp
  let maxTimestamp = baseTimestamp
  let end: number = at.records
  for (let i = 0; i < records.length; i++) {
    const record = records[i]!
    if (record.timestamp > maxTimestamp) maxTimestamp = record.timestamp
    end = writeRecord(batch, end, record, i, record.timestamp - baseTimestamp)
  }
  const codec = compressionsAlgorithms[options.compression]
  if (codec.bitmask !== 0) {
    const compressed = codec.compressSync(batch.subarray(at.records, end))
    // allocUnsafe: every byte of the header is written below.
    const whole = Buffer.allocUnsafe(at.records + compressed.length)
    whole.set(compressed, at.records)
    batch = whole
    end = whole.length
  }
  writeLong(batch, at.baseOffset, 0)
  batch.writeInt32BE(end - beforeLength, at.length)
  batch.writeInt32BE(-1, at.leaderEpoch)
  batch[at.magic] = 2
  batch.writeInt16BE(codec.bitmask | (options.transactional ? attribute.transactional : 0), at.attributes)
  batch.writeInt32BE(records.length - 1, at.lastOffsetDelta)
  writeLong(batch, at.baseTimestamp, baseTimestamp)
  writeLong(batch, at.maxTimestamp, maxTimestamp)
  batch.writeInt32BE(records.length, at.count)
  return batch.subarray(0, end)
}

/** Writes the producer's identity and the checksum over it into an encoded batch. */
export const sign = (batch: Buffer, identity: BatchIdentity): void => {
  batch.writeBigInt64BE(identity.producerId, at.producerId)
  batch.writeInt16BE(identity.producerEpoch, at.producerEpoch)
  batch.writeInt32BE(identity.baseSequence, at.baseSequence)
  batch.writeUInt32BE(crc32c(batch.subarray(at.attributes)) >>> 0, at.crc)
}
