import { PgClient } from "@effect/sql-pg"
import { type Layer, Redacted } from "effect"
import type { SqlClient, SqlError } from "effect/sql"

/**
 * PostgreSQL as a `SqlClient`, shared by any number of processes. Connects when it is first used, and
 * again where the connection ended.
 *
 * @param url `postgres://user:password@host:port/database`, with libpq's query parameters
 */
const layer = (url: string): Layer.Layer<SqlClient.SqlClient, SqlError.SqlError> =>
  PgClient.layer({ url: Redacted.make(url), applicationName: "sixfold", multiplex: true })

export const Postgres = { layer }
