import type { SqlError } from "effect/sql"

/** The database cannot answer now, by the reason of the error. */
const passing = new Set([
  "ConnectionError",
  "DeadlockError",
  "SerializationError",
  "LockTimeoutError",
  "StatementTimeoutError"
])
/** SQLSTATE classes of PostgreSQL: connection, resources (too many connections), operator intervention (it stops, or starts). */
const passingState = /^(08|53|57)/

/** A text that the database's own error has. */
const textOf = (cause: unknown, name: "code" | "message"): string => {
  const text = typeof cause === "object" && cause !== null ? (cause as Readonly<Record<string, unknown>>)[name] : ""
  return typeof text === "string" ? text : ""
}

/** What a client should know of a statement that failed; none where it is a mistake of ours. */
export const sqlFailure = ({ reason }: SqlError.SqlError): readonly [tag: string, message: string] | undefined => {
  const state = textOf(reason.cause, "code")
  if (state === "42P01" || textOf(reason.cause, "message").startsWith("no such table: ")) {
    return ["NotProjected", "nothing has been projected yet"]
  }
  return passing.has(reason._tag) || passingState.test(state)
    ? ["Unavailable", "the database does not answer"]
    : undefined
}
