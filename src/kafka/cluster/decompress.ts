import { compressionsAlgorithms } from "@platformatic/kafka"
import { gunzipSync, zstdDecompressSync } from "node:zlib"

/** Bytes the records of a batch may have when they are decompressed: 64 times the largest batch that brokers take by default. */
export const decompressedLimit = 64 * 1024 * 1024

const admit = (size: number, limit: number): void => {
  if (size > limit) throw new RangeError(`its records have more than ${limit} bytes when they are decompressed`)
}

/** How Java's producers begin: a header of 16 bytes, then blocks, each behind its length. */
const xerial = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])

/** What a block in front says of its size, and is held to: an unsigned varint of 32 bits. */
const snappyClaim = (block: Buffer): number => {
  let size = 0
  for (const [n, byte] of block.subarray(0, 5).entries()) {
    size += (byte & 0x7f) * 128 ** n
    if (byte < 0x80) return size
  }
  throw new RangeError("a Snappy block does not say its size")
}

/** Source: the Snappy format description; snappy-java's SnappyOutputStream. */
const snappySize = (bytes: Buffer): number => {
  if (!bytes.subarray(0, xerial.length).equals(xerial)) return snappyClaim(bytes)
  let size = 0
  for (let position = 16; position < bytes.length;) {
    const end = position + 4 + bytes.readUInt32BE(position)
    size += snappyClaim(bytes.subarray(position + 4, end))
    position = end
  }
  return size
}

const lz4 = { magic: 0x184d2204, blockChecksum: 0x10, contentSize: 0x08, dictionary: 0x01, stored: 0x80000000 } as const

/**
 * At most what a frame gives: a compressed byte stands for no more than 255, and a block has no more than the largest of the frame.
 * Source: the LZ4 frame and block format descriptions.
 */
const lz4Size = (bytes: Buffer): number => {
  if (bytes.readUInt32LE(0) !== lz4.magic) throw new RangeError("this is no LZ4 frame")
  const flags = bytes.readUInt8(4)
  const largest = 2 ** (8 + 2 * ((bytes.readUInt8(5) >> 4) & 0x07))
  const checksum = (flags & lz4.blockChecksum) === 0 ? 0 : 4
  let position = 7 + ((flags & lz4.contentSize) === 0 ? 0 : 8) + ((flags & lz4.dictionary) === 0 ? 0 : 4)
  let size = 0
  for (let word = bytes.readUInt32LE(position); word !== 0; word = bytes.readUInt32LE(position)) {
    const length = word % lz4.stored
    size += word === length ? Math.min(largest, length * 255) : length
    position += 4 + length + checksum
  }
  // Space may be made for what the frame says of itself, be it true or not.
  return (flags & lz4.contentSize) === 0 ? size : Math.max(size, Number(bytes.readBigUInt64LE(6)))
}

/** By the number in a batch's attributes. Node's own stop at the limit; the library's know none, so that the size is read beforehand. */
const codecs: ReadonlyArray<((bytes: Buffer, limit: number) => Buffer) | undefined> = [
  (bytes) => bytes,
  (bytes, maxOutputLength) => gunzipSync(bytes, { maxOutputLength }),
  (bytes, limit) => {
    admit(snappySize(bytes), limit)
    return compressionsAlgorithms.snappy.decompressSync(bytes)
  },
  (bytes, limit) => {
    admit(lz4Size(bytes), limit)
    return compressionsAlgorithms.lz4.decompressSync(bytes)
  },
  (bytes, maxOutputLength) => zstdDecompressSync(bytes, { maxOutputLength })
]

/** Throws where the bytes are not what `compression` (0 to 4, the number in a batch's attributes) gives, or give more than `limit`. */
export const decompress = (compression: number, bytes: Buffer, limit = decompressedLimit): Buffer => {
  const codec = codecs[compression]
  if (codec === undefined) throw new RangeError(`compression ${compression} is not known`)
  return codec(bytes, limit)
}
