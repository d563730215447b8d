/**
 * Zigzag variable-length integers (Protocol Buffers' encoding), as record batches use them. 64-bit values are taken as
 * numbers, exact to 2^52.
 */

/** Bytes `value` takes; an integer below 2^52. */
export const sizeOf = (value: number): number => {
  if (value >= -64 && value < 64) return 1
  if (value >= -8192 && value < 8192) return 2
  if (value >= -1048576 && value < 1048576) return 3
  let zigzag = value >= 0 ? value * 2 : -value * 2 - 1
  let bytes = 1
  for (; zigzag >= 128; bytes++) zigzag = Math.floor(zigzag / 128)
  return bytes
}

/** Writes `value` at `position`; answers the position behind it. */
export const write = (bytes: Uint8Array, position: number, value: number): number => {
  if (value >= -1073741824 && value < 1073741824) {
    let zigzag = (value << 1) ^ (value >> 31)
    while (zigzag & ~0x7f) {
      bytes[position++] = (zigzag & 0x7f) | 0x80
      zigzag >>>= 7
    }
    bytes[position++] = zigzag
    return position
  }
  let zigzag = value >= 0 ? value * 2 : -value * 2 - 1
  while (zigzag >= 128) {
    bytes[position++] = (zigzag % 128) | 0x80
    zigzag = Math.floor(zigzag / 128)
  }
  bytes[position++] = zigzag
  return position
}

/** A position in bytes that reading moves on. Reading beyond `end` throws a RangeError. */
export class Cursor {
  position: number
  readonly bytes: Buffer
  readonly end: number
  constructor(bytes: Buffer, position: number, end: number) {
    this.bytes = bytes
    this.position = position
    this.end = end
  }

  byte(): number {
    if (this.position >= this.end) throw new RangeError("the record ends too early")
    return this.bytes[this.position++]!
  }

  varint(): number {
    let byte = this.byte()
    let zigzag = byte & 0x7f
    if (byte < 0x80) return (zigzag >>> 1) ^ -(zigzag & 1)
    let scale = 128
    for (let n = 1; byte >= 0x80; n++) {
      if (n === 10) throw new RangeError("a varint is longer than ten bytes")
      byte = this.byte()
      zigzag += (byte & 0x7f) * scale
      scale *= 128
    }
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2
  }

  /** Length-prefixed bytes, as a view; a negative length is null. */
  view(): Buffer | null {
    const length = this.varint()
    if (length < 0) return null
    const start = this.position
    if (length > this.end - start) throw new RangeError("the record ends too early")
    this.position = start + length
    return this.bytes.subarray(start, this.position)
  }
}
