import type { Header, KafkaRecord } from "../records.ts"
import { noHeaders } from "../records.ts"

/** What is stored of a record: everything but its offset, which the batch knows. */
export type StoredRecord = Omit<KafkaRecord, "offset">

/**
 * The bytes of a stored batch, format version 1. All integers are big-endian; records follow each other without a frame:
 *
 *     u32 offset − base | f64 timestamp | i32 key length (−1: null) | i32 value length (−1: null) | u32 headers
 *     key | value | per header: u32 name length | name (UTF-8) | u32 value length | value
 */
const fixedLength = 24

const headersLength = (headers: ReadonlyArray<Header>): number => {
  let length = 0
  for (const [name, value] of headers) length += 8 + Buffer.byteLength(name) + value.length
  return length
}

/** Bytes a record takes in a stored batch. */
export const storedLength = (record: StoredRecord): number =>
  fixedLength +
  (record.key?.length ?? 0) +
  (record.value?.length ?? 0) +
  (record.headers.length === 0 ? 0 : headersLength(record.headers))

/** Encodes records whose offsets are `base + delta(index)`; `length` is the sum of their stored lengths. */
export const encode = (
  records: ReadonlyArray<StoredRecord>,
  length: number,
  delta: (index: number) => number = (index) => index
): Uint8Array => {
  const bytes = Buffer.allocUnsafeSlow(length)
  let at = 0
  for (let i = 0; i < records.length; i++) {
    const { headers, key, timestamp, value } = records[i]!
    bytes.writeUInt32BE(delta(i), at)
    bytes.writeDoubleBE(timestamp, at + 4)
    bytes.writeInt32BE(key === null ? -1 : key.length, at + 12)
    bytes.writeInt32BE(value === null ? -1 : value.length, at + 16)
    bytes.writeUInt32BE(headers.length, at + 20)
    at += fixedLength
    if (key !== null) {
      bytes.set(key, at)
      at += key.length
    }
    if (value !== null) {
      bytes.set(value, at)
      at += value.length
    }
    for (const [name, content] of headers) {
      const nameLength = bytes.write(name, at + 4)
      bytes.writeUInt32BE(nameLength, at)
      at += 4 + nameLength
      bytes.writeUInt32BE(content.length, at)
      bytes.set(content, at + 4)
      at += 4 + content.length
    }
  }
  return bytes
}

/** Appends the records from offset `from` on to `into`. Keys and values are views of the batch's bytes. */
export const decode = (stored: Uint8Array, base: number, from: number, into: Array<KafkaRecord>): void => {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength)
  let at = 0
  while (at < bytes.length) {
    const offset = base + bytes.readUInt32BE(at)
    const timestamp = bytes.readDoubleBE(at + 4)
    const keyLength = bytes.readInt32BE(at + 12)
    const valueLength = bytes.readInt32BE(at + 16)
    const count = bytes.readUInt32BE(at + 20)
    at += fixedLength
    const valueAt = at + Math.max(keyLength, 0)
    const end = valueAt + Math.max(valueLength, 0)
    const wanted = offset >= from
    const key = wanted && keyLength >= 0 ? stored.subarray(at, valueAt) : null
    const value = wanted && valueLength >= 0 ? stored.subarray(valueAt, end) : null
    at = end
    let headers = noHeaders
    if (count > 0) {
      const read: Array<Header> = []
      for (let i = 0; i < count; i++) {
        const nameEnd = at + 4 + bytes.readUInt32BE(at)
        const contentEnd = nameEnd + 4 + bytes.readUInt32BE(nameEnd)
        read.push([bytes.toString("utf8", at + 4, nameEnd), stored.subarray(nameEnd + 4, contentEnd)])
        at = contentEnd
      }
      headers = read
    }
    if (wanted) into.push({ offset, timestamp, key, value, headers })
  }
}

const varintLength = (n: number): number => {
  // Zigzag doubles a non-negative number; seven bits go into a byte.
  let rest = n * 2
  let length = 1
  while (rest >= 128) {
    rest = Math.floor(rest / 128)
    length++
  }
  return length
}

/** Bytes of a record batch (v2, uncompressed) that holds this record alone: what Kafka compares with `max.message.bytes`. */
export const wireLength = ({ headers, key, value }: StoredRecord): number => {
  const field = (bytes: Uint8Array | null) => (bytes === null ? 1 : varintLength(bytes.length) + bytes.length)
  let body = 3 + field(key) + field(value) + varintLength(headers.length)
  for (const [name, content] of headers) {
    const nameLength = Buffer.byteLength(name)
    body += varintLength(nameLength) + nameLength + field(content)
  }
  return 61 + varintLength(body) + body
}
