import { Buffer } from "node:buffer"
import type { Header } from "../kafka/records.ts"

/** Seven bits a byte, the lowest first. */
const varint = (length: number): ReadonlyArray<number> => {
  const bytes: Array<number> = []
  let rest = length
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128)
  bytes.push(rest)
  return bytes
}

/**
 * A record's headers as bytes, each name and value with its length before it: no more than they are on the wire, or whoever writes to an
 * inbox could write what is too large to be stored.
 */
export const encode = (headers: ReadonlyArray<Header>): Uint8Array =>
  Buffer.concat(
    headers
      .flatMap(([name, value]) => [Buffer.from(name, "utf8"), value])
      .flatMap((bytes) => [Uint8Array.from(varint(bytes.length)), bytes])
  )

/** Throws on bytes that end too early. */
export const decode = (bytes: Uint8Array): ReadonlyArray<Header> => {
  let at = 0
  const field = (): Uint8Array => {
    let length = 0
    for (let shift = 0, byte = 128; byte >= 128; shift += 7) {
      byte = bytes[at++]!
      length |= (byte & 127) << shift
    }
    at += length
    if (!(at <= bytes.length)) throw new RangeError("the headers of a parked message are damaged")
    return bytes.subarray(at - length, at)
  }
  const headers: Array<Header> = []
  while (at < bytes.length) headers.push([Buffer.from(field()).toString("utf8"), field()])
  return headers
}
