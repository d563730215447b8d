import { Array as Arr, Effect, Option, Schema, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { Projection } from "../../src/projection/index.ts"
import type { Reject } from "./rejects-csv.ts"
import { importRejects, parseImportKey } from "./topics.ts"

/** The view behind `GET /imports/{id}/rejects`. */
export const rejectsTable = "import_rejects"

/** Rows of one statement: four values each, below what SQLite takes as parameters (32,766). */
const rowsPerStatement = 1_000

/** Keeps the rows that were not imported, by import and row number. */
export const importRejectsView = Projection.make("import-rejects-view", {
  inbox: importRejects,
  table: rejectsTable,
  create: (table) =>
    SqlClient.SqlClient.use(
      (sql) =>
        sql`CREATE TABLE IF NOT EXISTS ${sql(table)} (
        import_id text NOT NULL, row_no integer NOT NULL, reason text NOT NULL, record text NOT NULL,
        PRIMARY KEY (import_id, row_no))`
    ),
  apply: Effect.fnUntraced(function* (table, changes) {
    const sql = yield* SqlClient.SqlClient
    const rows = new Map<string, Record<string, unknown>>() // a statement may not touch a row twice
    for (const { key, value } of changes) {
      const at = parseImportKey(key)
      if (at !== undefined && Option.isSome(value))
        rows.set(key, { import_id: at.importId, row_no: at.n, ...value.value })
    }
    const all = [...rows.values()]
    for (const chunk of Arr.chunksOf(all, rowsPerStatement)) {
      yield* sql`INSERT INTO ${sql(table)} ${sql.insert(chunk)}
        ON CONFLICT (import_id, row_no) DO UPDATE SET reason = excluded.reason, record = excluded.record`
    }
  })
})

const decodeRejects = Schema.decodeUnknownEffect(
  Schema.Array(Schema.Struct({ row: Schema.Int, reason: Schema.String, record: Schema.String }))
)
const rejectsPerPage = 500

/** The import's rejected rows in the order of the file, read a page at a time. */
export const readRejects = (importId: string): Stream.Stream<Reject, never, SqlClient.SqlClient> =>
  Stream.paginate(
    0,
    Effect.fnUntraced(function* (after: number) {
      const sql = yield* SqlClient.SqlClient
      const page = yield* decodeRejects(
        yield* sql`SELECT row_no AS row, reason, record FROM ${sql(rejectsTable)}
          WHERE import_id = ${importId} AND row_no > ${after} ORDER BY row_no LIMIT ${rejectsPerPage}`
      )
      const last = page.length < rejectsPerPage ? Option.none<number>() : Option.some(page.at(-1)!.row)
      return [page, last] as const
    }, Effect.orDie)
  )
