import { Schema } from "effect"

/** Where a contact's fields are, as positions in a record. A list holds alternatives: the first usable one counts. */
export const Columns = Schema.Struct({
  email: Schema.Array(Schema.Int),
  fullName: Schema.Array(Schema.Int),
  givenName: Schema.Array(Schema.Int),
  familyName: Schema.Array(Schema.Int),
  company: Schema.Array(Schema.Int),
  phone: Schema.Array(Schema.Int)
})
export type Columns = typeof Columns.Type

/** How a file is written: what a worker needs to read one part of it without the others. */
export const Dialect = Schema.Struct({
  delimiter: Schema.Literals([",", ";", "\t", "|"]),
  /** What ends a record: a line feed (a carriage return before it belongs to it), or a carriage return alone. */
  terminator: Schema.Literals(["lf", "cr"]),
  encoding: Schema.Literals(["utf-8", "windows-1252"]),
  columns: Columns
})
export type Dialect = typeof Dialect.Type

export const delimiters = [",", ";", "\t", "|"] as const
export type Delimiter = (typeof delimiters)[number]
