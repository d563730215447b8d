import { parse } from "csv-parse/sync"
import type { Delimiter, Dialect } from "./dialect.ts"

const recordDelimiter = { lf: ["\r\n", "\n"], cr: ["\r"] }

/**
 * The records of whole lines of CSV, lists of their fields, in order. An empty line is the record `[""]`: it counts where rows
 * are numbered. Ill-formed UTF-8 becomes U+FFFD.
 */
export const readRecords = (
  bytes: Uint8Array,
  dialect: { readonly delimiter: Delimiter } & Pick<Dialect, "terminator" | "encoding">
): ReadonlyArray<ReadonlyArray<string>> => {
  if (bytes.length === 0) return []
  const text =
    dialect.encoding === "utf-8"
      ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      : new TextDecoder("windows-1252").decode(bytes)
  return parse(text, {
    delimiter: dialect.delimiter,
    record_delimiter: recordDelimiter[dialect.terminator],
    relax_quotes: true,
    relax_column_count: true
  })
}
