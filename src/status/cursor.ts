import { fromBase64Url, isSigned, sign } from "./mac.ts"

/**
 * Where a subscription stands in its channel's partition of the `status` topic.
 */
export interface Position {
  readonly partition: number
  /** The next offset of `status`. */
  readonly offset: number
  /**
   * Set while the newest of each (kind, id) is still being sent: those after this offset of `status-latest` are due (-1: all),
   * and after them everything from `offset` on.
   */
  readonly latest?: number
}

const macBytes = 10
const bodyBytes = 14
const noLatest = 2 ** 48 - 1

/** An opaque cursor, good for this channel only, on every process that has the keys. */
export const encodeCursor = (key: Uint8Array, channel: string, position: Position): string => {
  const bytes = Buffer.allocUnsafe(bodyBytes + macBytes)
  bytes.writeUInt16BE(position.partition, 0)
  bytes.writeUIntBE(position.offset, 2, 6)
  bytes.writeUIntBE(position.latest === undefined ? noLatest : position.latest + 1, 8, 6)
  sign(key, "cursor", macBytes, bytes.subarray(0, bodyBytes), channel).copy(bytes, bodyBytes)
  return bytes.toString("base64url")
}

/** Nothing, if it is not a cursor of this channel. */
export const decodeCursor = (
  keys: ReadonlyArray<Uint8Array>,
  channel: string,
  cursor: string
): Position | undefined => {
  const bytes = fromBase64Url(cursor, bodyBytes + macBytes)
  if (bytes === undefined) return undefined
  const body = bytes.subarray(0, bodyBytes)
  if (!isSigned(keys, "cursor", bytes.subarray(bodyBytes), body, channel)) return undefined
  const latest = body.readUIntBE(8, 6)
  return {
    partition: body.readUInt16BE(0),
    offset: body.readUIntBE(2, 6),
    ...(latest === noLatest ? {} : { latest: latest - 1 })
  }
}
