import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { inject } from "vitest"
import { Sqlite } from "../../src/projection/index.ts"
import { Postgres } from "../../src/projection/postgres.ts"

const url: string | undefined = inject("postgres")

export const isPostgres = url !== undefined

/** An empty database, for one test. */
const empty = (server: string) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const name = `test_${randomUUID().replaceAll("-", "")}`
      yield* SqlClient.SqlClient.use((sql) => sql`CREATE DATABASE ${sql(name)}`).pipe(
        Effect.provide(Postgres.layer(server))
      )
      const its = new URL(server)
      its.pathname = `/${name}`
      return Postgres.layer(its.href)
    })
  )

export const database = url === undefined ? Sqlite.layer(":memory:") : empty(url)

/** Lets whatever can move move: here, and in a database that is another process. */
export const breathe = isPostgres ? Effect.promise(() => new Promise<void>((go) => setTimeout(go, 1))) : Effect.yieldNow

/** The names of all tables. */
export const tables = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const found = isPostgres
    ? yield* sql<{ name: string }>`SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`
    : yield* sql<{ name: string }>`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`
  return found.map(({ name }) => name)
})

/** Whether the column `text` of `sentences` has an index. */
export const isIndexed = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const found = isPostgres
    ? yield* sql`SELECT 1 FROM pg_indexes WHERE tablename = 'sentences' AND indexdef LIKE '%(text)'`
    : yield* sql`SELECT 1 FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'sentences' AND sql LIKE '%(text)'`
  return found.length === 1
})
