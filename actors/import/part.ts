import { type ContactFields, contactFields, findEmail } from "./contact.ts"
import type { Dialect } from "./csv/dialect.ts"
import { readRecords } from "./csv/records.ts"
import type { PartClaim } from "./topics.ts"

/** What became of one row. */
export type RowOutcome =
  | { readonly row: number; readonly email: string; readonly contact: ContactFields }
  | { readonly row: number; readonly reason: string; readonly record: string }

const reasons = { "too-long": "the row is too long", "quote-not-closed": "a quote is never closed" }

const csvField = (field: string): string => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)

/** A record as one line of CSV with commas (RFC 4180). */
export const csvRecord = (fields: ReadonlyArray<string>): string => fields.map(csvField).join(",")

/** Neither database holds a NUL: its place is shown. */
const shown = (record: string): string => record.replaceAll("\0", "\ufffd")

const isEmptyLine = (record: ReadonlyArray<string>): boolean => record.length === 1 && record[0] === ""

const rowOutcome = (record: ReadonlyArray<string>, row: number, dialect: Dialect): RowOutcome => {
  if (record.some((field) => field.includes("\0"))) {
    return { row, reason: "a field has a NUL in it", record: shown(csvRecord(record)) }
  }
  const found = findEmail(record, dialect.columns)
  return "email" in found
    ? { row, email: found.email, contact: contactFields(record, dialect.columns) }
    : { row, reason: found.reject, record: csvRecord(record) }
}

/** Reads a part: an outcome for each of its rows, in order. */
export const readPart = (bytes: Uint8Array, claim: PartClaim, dialect: Dialect): ReadonlyArray<RowOutcome> => {
  if (claim.reject !== undefined) {
    const excerpt = new TextDecoder(dialect.encoding).decode(bytes)
    return [{ row: claim.row, reason: reasons[claim.reject], record: shown(excerpt) }]
  }
  return readRecords(bytes, dialect).flatMap((record, i) =>
    isEmptyLine(record) ? [] : [rowOutcome(record, claim.row + i, dialect)]
  )
}
