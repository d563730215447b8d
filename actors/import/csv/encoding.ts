import type { Dialect } from "./dialect.ts"

export const utf8Bom = [0xef, 0xbb, 0xbf] as const

/** What a stream of bytes shows about its encoding: multi-byte UTF-8 sequences, and bytes that are part of none. */
export interface Utf8Count {
  readonly wellFormed: number
  readonly illFormed: number
}

/** Length of the UTF-8 sequence at `i`, 0 where there is none (Unicode 16, table 3-7). */
const sequenceLength = (bytes: Uint8Array, i: number): number => {
  const lead = bytes[i]!
  const second = bytes[i + 1] ?? 0
  const tail = (n: number): boolean => {
    for (let k = 2; k < n; k++) if (((bytes[i + k] ?? 0) & 0xc0) !== 0x80) return false
    return true
  }
  const between = (low: number, high: number) => second >= low && second <= high
  if (lead >= 0xc2 && lead <= 0xdf) return between(0x80, 0xbf) ? 2 : 0
  if (lead === 0xe0) return between(0xa0, 0xbf) && tail(3) ? 3 : 0
  if (lead === 0xed) return between(0x80, 0x9f) && tail(3) ? 3 : 0
  if (lead >= 0xe1 && lead <= 0xef) return between(0x80, 0xbf) && tail(3) ? 3 : 0
  if (lead === 0xf0) return between(0x90, 0xbf) && tail(4) ? 4 : 0
  if (lead >= 0xf1 && lead <= 0xf3) return between(0x80, 0xbf) && tail(4) ? 4 : 0
  if (lead === 0xf4) return between(0x80, 0x8f) && tail(4) ? 4 : 0
  return 0
}

/** Counts a stretch of whole records: their ends are ASCII, so no sequence is cut in two. */
export const countUtf8 = (bytes: Uint8Array): Utf8Count => {
  let wellFormed = 0
  let illFormed = 0
  for (let i = 0; i < bytes.length;) {
    if (bytes[i]! < 0x80) {
      i++
      continue
    }
    const length = sequenceLength(bytes, i)
    if (length === 0) {
      illFormed++
      i++
    } else {
      wellFormed++
      i += length
    }
  }
  return { wellFormed, illFormed }
}

/**
 * The encoding of a whole file, decided when it has ended: a file can turn invalid in its last row, and half a file of
 * mojibake is worse than none. Without ill-formed bytes it is UTF-8. With some, the majority decides: accented text in
 * Windows-1252 hardly ever forms valid sequences, and one damaged row must not spoil a file of good UTF-8 (there it
 * shows U+FFFD).
 */
export const decideEncoding = (count: Utf8Count): Dialect["encoding"] =>
  count.illFormed === 0 || count.wellFormed > count.illFormed ? "utf-8" : "windows-1252"
