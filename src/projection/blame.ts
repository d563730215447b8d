import { Cause } from "effect"
import { SqlError } from "effect/sql"

/** What a database says of a value: a data exception, a program limit (a row too large), an exception raised by a trigger. */
const ofTheValue = /^(22|54|P0001)/

/** The SQLSTATE of an error of PostgreSQL's. */
const stateOf = ({ cause }: { readonly cause: unknown }): string | undefined => {
  const code = (cause as { readonly code?: unknown } | undefined)?.code
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
}

/** Whether an error of the database's may be about what a record says. */
const isOfTheRecord = ({ reason }: SqlError.SqlError): boolean => {
  if (reason._tag === "UniqueViolation" || reason._tag === "ConstraintError") return true
  if (reason._tag !== "UnknownError") return false
  const state = stateOf(reason)
  return state === undefined || ofTheValue.test(state)
}

/**
 * Whether the database, or the projection, may have failed for what a record says: not for a connection, a lock, a statement or a full
 * disk. A rollback that fails is a defect beside the first error: of a connection that has ended there are two, and neither is the record's.
 */
export const mayBeTheRecord = (cause: Cause.Cause<unknown>): boolean => {
  if (Cause.hasInterrupts(cause)) return false
  const all = cause.reasons.map((reason) =>
    Cause.isFailReason(reason) ? reason.error : Cause.isDieReason(reason) ? reason.defect : reason
  )
  const ofSql = all.filter((error) => SqlError.isSqlError(error))
  return ofSql.every(isOfTheRecord) && (ofSql.length > 0 || Cause.hasDies(cause))
}
