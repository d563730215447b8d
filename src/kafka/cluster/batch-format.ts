import { crc32c, Writer } from "@platformatic/kafka"

/** The record batch, format 2 (KIP-98). Positions of its header's fields from the batch's first byte. */
export const at = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  count: 57,
  records: 61
} as const

/** Bytes before the part that the length field counts. */
export const beforeLength = 12

export const attribute = {
  compression: 0x07,
  logAppendTime: 0x08,
  transactional: 0x10,
  control: 0x20
} as const

/** A 64-bit integer as a number; exact to 2^53, and nothing here is larger. */
export const readLong = (bytes: Buffer, position: number): number =>
  bytes.readInt32BE(position) * 0x100000000 + bytes.readUInt32BE(position + 4)

export const writeLong = (bytes: Buffer, position: number, value: number): void => {
  const high = Math.floor(value / 0x100000000)
  bytes.writeInt32BE(high, position)
  bytes.writeUInt32BE(value - high * 0x100000000, position + 4)
}

/** CRC-32C. Wrapped, because the library copies plain bytes before it hands them to its native code. */
export const checksum = (bytes: Buffer): number => crc32c(Writer.create().append(bytes).dynamicBuffer) >>> 0
