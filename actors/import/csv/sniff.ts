import { Result } from "effect"
import { findColumns } from "./columns.ts"
import { delimiters, type Delimiter, type Dialect } from "./dialect.ts"
import { countUtf8, decideEncoding, utf8Bom } from "./encoding.ts"
import { NotCsv } from "./not-csv.ts"
import { readRecords } from "./records.ts"
import { cr, fieldStart, lf, quoted, scanByte, type ScanState } from "./scan.ts"

/** A header must end within this many bytes of the file. */
export const maxHeaderBytes = 64 * 1024

/** What the start of a file says. */
export interface Sniffed {
  readonly dialect: Omit<Dialect, "encoding">
  /** A byte order mark said UTF-8. */
  readonly marked: boolean
  /** Bytes up to the first record after the header. */
  readonly length: number
  /** The header's row number: 1, or 2 after Excel's `sep=;` line. */
  readonly row: number
}

type HeaderEnd = { readonly end: number; readonly terminator: Dialect["terminator"] }

/** Where the record at `from` ends, if these bytes show it. */
const headerEnd = (bytes: Uint8Array, from: number, delimiter: Delimiter, whole: boolean): HeaderEnd | undefined => {
  const separator = delimiter.charCodeAt(0)
  let state: ScanState = fieldStart
  for (let i = from; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (state !== quoted && byte === lf) return { end: i + 1, terminator: "lf" }
    if (state !== quoted && byte === cr) {
      if (i + 1 === bytes.length) return whole ? { end: i + 1, terminator: "lf" } : undefined
      return bytes[i + 1] === lf ? { end: i + 2, terminator: "lf" } : { end: i + 1, terminator: "cr" }
    }
    state = scanByte(state, byte, separator)
  }
  return whole && state !== quoted ? { end: bytes.length, terminator: "lf" } : undefined
}

/** Excel's first line `sep=;` names the delimiter. */
const separatorLine = (
  bytes: Uint8Array,
  from: number
): { readonly delimiter: Delimiter; readonly end: number } | undefined => {
  const line = String.fromCharCode(...bytes.subarray(from, from + 9))
  const found = /^"?sep=([,;\t|])"?(\r\n|\n|\r)/i.exec(line)
  return found === null ? undefined : { delimiter: found[1] as Delimiter, end: from + found[0].length }
}

const looksLikeAddress = (field: string): boolean => /^[\w.+-]+@[\w-]+\.[\w.-]+$/.test(field)

const noEmailColumn = (header: ReadonlyArray<string>): NotCsv =>
  new NotCsv({
    message: header.some(looksLikeAddress)
      ? "the first row holds an e-mail address: a header row with the names of the columns is needed"
      : "no column of the header is an e-mail column (e-mail, email, E-mail Address, E-mail 1 - Value, …)"
  })

const startsWith = (bytes: Uint8Array, prefix: ReadonlyArray<number>): boolean =>
  prefix.every((byte, i) => bytes[i] === byte)

/**
 * Reads delimiter, line end and columns off the start of a file; undefined while it takes more bytes to tell. `whole` says that
 * these bytes are all there will be. The answer does not depend on how many more bytes are there already.
 */
export const sniff = (bytes: Uint8Array, whole: boolean): Result.Result<Sniffed | undefined, NotCsv> => {
  const full = bytes.length >= maxHeaderBytes
  const window = full ? bytes.subarray(0, maxHeaderBytes) : bytes
  const refuse = (message: string) => Result.fail(new NotCsv({ message }))
  if (window.length < 16 && !whole) return Result.succeed(undefined)
  const marked = startsWith(window, utf8Bom)
  const start = marked ? utf8Bom.length : 0
  if (window.length === start) return refuse("the file is empty")
  const declared = separatorLine(window, start)
  const from = declared?.end ?? start

  const candidates: Array<HeaderEnd & { readonly delimiter: Delimiter; readonly header: ReadonlyArray<string> }> = []
  for (const delimiter of declared === undefined ? delimiters : [declared.delimiter]) {
    const found = headerEnd(window, from, delimiter, whole)
    if (found === undefined && !full && !whole) return Result.succeed(undefined)
    if (found === undefined) continue
    const row = window.subarray(from, found.end)
    if (row.includes(0)) return refuse("the file is binary, not CSV text")
    const encoding = decideEncoding(countUtf8(row))
    const header = readRecords(row, { delimiter, terminator: found.terminator, encoding })[0] ?? []
    candidates.push({ ...found, delimiter, header })
  }
  if (candidates.length === 0) return refuse(`the first row does not end within ${maxHeaderBytes} bytes`)

  const widest = candidates.reduce((a, b) => (b.header.length > a.header.length ? b : a))
  const usable = candidates.filter((candidate) => findColumns(candidate.header).email.length > 0)
  if (usable.length === 0) return Result.fail(noEmailColumn(widest.header))
  const { delimiter, terminator, end, header } = usable.reduce((a, b) => (b.header.length > a.header.length ? b : a))
  return Result.succeed({
    dialect: { delimiter, terminator, columns: findColumns(header) },
    marked,
    length: end,
    row: declared === undefined ? 1 : 2
  })
}
