import { csvRecord } from "./part.ts"

/** A row that was not imported, as the view has it. */
export interface Reject {
  readonly row: number
  readonly reason: string
  readonly record: string
}

export const rejectsHeader = "row,reason,record\r\n"

/** A cell that begins so is a formula to a spreadsheet program (OWASP, CSV injection): an apostrophe makes it text. */
const formula = /^[=+\-@\t\r]/
const inert = (cell: string): string => (formula.test(cell) ? `'${cell}` : cell)

/** One line of `GET /imports/{id}/rejects` (RFC 4180); the row itself is one cell. */
export const rejectLine = ({ reason, record, row }: Reject): string =>
  `${csvRecord([String(row), reason, inert(record)])}\r\n`
