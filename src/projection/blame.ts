import { Cause } from "effect"
import { SqlError } from "effect/sql"

/** What a database says of a value: a data exception, a program limit (a row too large), an exception raised by a trigger. */
const ofTheValue = /^(22|54|P0001)/

/** The SQLSTATE of an error of PostgreSQL's. */
const stateOf = ({ cause }: { readonly cause: unknown }): string | undefined => {
  const code = (cause as { readonly code?: unknown } | undefined)?.code
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
}

/**
 * Whether the database, or the projection, may have failed for what a record says: not for a connection, a lock, a statement or a full
 * disk.
 */
export const mayBeTheRecord = (cause: Cause.Cause<unknown>): boolean => {
  if (Cause.hasInterrupts(cause)) return false
  if (Cause.hasDies(cause)) return true
  const error = Cause.squash(cause)
  if (!SqlError.isSqlError(error)) return false
  const { reason } = error
  if (reason._tag === "UniqueViolation" || reason._tag === "ConstraintError") return true
  if (reason._tag !== "UnknownError") return false
  const state = stateOf(reason)
  return state === undefined || ofTheValue.test(state)
}
