/**
 * Where records end, byte by byte (RFC 4180): a quote opens only at the start of a field and is escaped by doubling.
 * Malformed quoting never fails here: text after a closing quote continues the field unquoted. This is exactly what
 * csv-parse does with `relax_quotes`, so that both always agree where a record ends.
 */
export const fieldStart = 0
export const unquoted = 1
export const quoted = 2

export const quote = 0x22
export const lf = 0x0a
export const cr = 0x0d

export type ScanState = typeof fieldStart | typeof unquoted | typeof quoted

/**
 * The state after a byte that does not end the record. After a closing quote it is as at the start of a field: another quote opens
 * again (it was an escape), anything else is unquoted.
 */
export const scanByte = (state: ScanState, byte: number, delimiter: number): ScanState => {
  if (byte === quote) return state === fieldStart ? quoted : state === quoted ? fieldStart : unquoted
  if (state === quoted) return quoted
  return byte === delimiter ? fieldStart : unquoted
}
