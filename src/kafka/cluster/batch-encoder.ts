import { compressionsAlgorithms } from "@platformatic/kafka"
import type { ProducerRecord } from "../records.ts"
import { decodeRecords, readHeader } from "./batch-decoder.ts"
import { at, attribute, beforeLength, checksum, writeLong } from "./batch-format.ts"
import type { Buffers } from "./buffers.ts"
import type { Compression } from "./settings.ts"
import * as Varint from "./varint.ts"

/**
 * Bytes of a batch, a quarter of what brokers allow by default: measured as fast as larger ones, with less memory under way. A larger
 * record is a batch of its own.
 */
const wholeBytes = 256 * 1024

/** Of them, bytes of records. */
export const batchBytes: number = wholeBytes - at.records

const overhead = (length: number) => (length < 64 ? 1 : Varint.sizeOf(length))
const bytesSize = (bytes: Uint8Array | null) => (bytes === null ? 1 : overhead(bytes.length) + bytes.length)

/** What a record takes at most beside its own bytes: its length, timestamp and offset in a batch. */
const placeBound = 18

type Content = Pick<ProducerRecord, "key" | "value" | "headers" | "timestamp">

/** The most bytes the record can take in a batch: what it is charged against buffers and batch sizes. */
export const sizeBound = (record: Content): number => {
  const { headers, key, value } = record
  let size = placeBound + 1 + bytesSize(key) + bytesSize(value) + Varint.sizeOf(headers.length)
  for (let i = 0; i < headers.length; i++) {
    const [name, value] = headers[i]!
    const length = Buffer.byteLength(name)
    size += overhead(length) + length + bytesSize(value)
  }
  return size
}

const writeBytes = (target: Buffer, position: number, bytes: Uint8Array | null): number => {
  if (bytes === null) return Varint.write(target, position, -1)
  const { length } = bytes
  position = Varint.write(target, position, length)
  if (length < 24) {
    for (let i = 0; i < length; i++) target[position + i] = bytes[i]!
  } else target.set(bytes, position)
  return position + length
}

/** Who writes a batch, and its place in that producer's sequence for the partition (KIP-98). */
export interface BatchIdentity {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
}

/**
 * Records of one partition, encoded as they come: no record is held, only its bytes. Its identity is set apart (`sign`), so that a
 * batch is encoded once however often it is sent.
 */
export class RecordBatch {
  count = 0
  /** The sum of the records' `sizeBound`s. */
  bytes = 0
  readonly transactional: boolean
  readonly #buffers: Buffers
  #buffer: Buffer
  #end: number = at.records
  #sealed: Buffer | undefined
  #baseTimestamp = 0
  #maxTimestamp = 0

  /** `expected`: bytes of records to make room for at once. */
  constructor(buffers: Buffers, expected: number, transactional: boolean) {
    this.transactional = transactional
    this.#buffers = buffers
    this.#buffer = buffers.take(at.records + expected)
  }

  /** `bound` is the record's `sizeBound`. Not after it is sealed. */
  append(record: Content, bound: number): void {
    const { headers, key, timestamp, value } = record
    if (this.count === 0) this.#baseTimestamp = this.#maxTimestamp = timestamp
    else if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    if (this.#end + bound > this.#buffer.length) this.#grow(bound)
    const buffer = this.#buffer
    const offsetDelta = this.count++
    const timestampDelta = timestamp - this.#baseTimestamp
    const size = bound - placeBound + Varint.sizeOf(offsetDelta) + Varint.sizeOf(timestampDelta)
    let position = Varint.write(buffer, this.#end, size)
    buffer[position++] = 0
    position = Varint.write(buffer, position, timestampDelta)
    position = Varint.write(buffer, position, offsetDelta)
    position = writeBytes(buffer, position, key)
    position = writeBytes(buffer, position, value)
    position = Varint.write(buffer, position, headers.length)
    for (let i = 0; i < headers.length; i++) {
      const [name, value] = headers[i]!
      position = Varint.write(buffer, position, Buffer.byteLength(name))
      position += buffer.write(name, position)
      position = writeBytes(buffer, position, value)
    }
    this.#end = position
    this.bytes += bound
  }

  #grow(bound: number): void {
    const larger = this.#buffers.take(Math.max(this.#buffer.length * 2, this.#end + bound))
    larger.set(this.#buffer.subarray(0, this.#end))
    this.#buffers.give(this.#buffer)
    this.#buffer = larger
  }

  /** As it goes over the wire, but for its identity; the same bytes each time. At least one record. */
  seal(compression: Compression): Buffer {
    if (this.#sealed !== undefined) return this.#sealed
    const codec = compressionsAlgorithms[compression]
    if (codec.bitmask !== 0) {
      const compressed = codec.compressSync(this.#buffer.subarray(at.records, this.#end))
      this.#buffers.give(this.#buffer)
      // Every byte of the header is written below, or by `sign`.
      this.#buffer = this.#buffers.take(at.records + compressed.length)
      this.#buffer.set(compressed, at.records)
      this.#end = at.records + compressed.length
    }
    const batch = (this.#sealed = this.#buffer.subarray(0, this.#end))
    writeLong(batch, at.baseOffset, 0)
    batch.writeInt32BE(this.#end - beforeLength, at.length)
    batch.writeInt32BE(-1, at.leaderEpoch)
    batch[at.magic] = 2
    batch.writeInt16BE(codec.bitmask | (this.transactional ? attribute.transactional : 0), at.attributes)
    batch.writeInt32BE(this.count - 1, at.lastOffsetDelta)
    writeLong(batch, at.baseTimestamp, this.#baseTimestamp)
    writeLong(batch, at.maxTimestamp, this.#maxTimestamp)
    batch.writeInt32BE(this.count, at.count)
    return batch
  }

  /** Compresses what was sealed without, for a broker that finds it too large. False: it is compressed already. */
  squeeze(): boolean {
    if (this.#sealed === undefined || (this.#sealed.readInt16BE(at.attributes) & attribute.compression) !== 0)
      return false
    this.#sealed = undefined
    this.seal("zstd")
    return true
  }

  /** It is written, or will never be: nobody looks at it again. */
  release(): void {
    this.#buffers.give(this.#buffer)
  }

  /** Two batches with the same records, for a broker that refuses the whole; the first has `count >> 1`. At least two records. */
  halves(): [RecordBatch, RecordBatch] {
    const whole = this.seal("none")
    const records: Array<Content> = []
    decodeRecords(whole, readHeader(whole, 0)!, 0, records as Parameters<typeof decodeRecords>[3])
    const half = (part: ReadonlyArray<Content>) => {
      const batch = new RecordBatch(this.#buffers, this.bytes >> 1, this.transactional)
      for (const record of part) batch.append(record, sizeBound(record))
      return batch
    }
    const middle = records.length >> 1
    return [half(records.slice(0, middle)), half(records.slice(middle))]
  }
}

/** Writes the producer's identity and the checksum over it into a sealed batch. */
export const sign = (batch: Buffer, identity: BatchIdentity): void => {
  batch.writeBigInt64BE(identity.producerId, at.producerId)
  batch.writeInt16BE(identity.producerEpoch, at.producerEpoch)
  batch.writeInt32BE(identity.baseSequence, at.baseSequence)
  batch.writeUInt32BE(checksum(batch.subarray(at.attributes)), at.crc)
}
