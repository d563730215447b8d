import { Effect, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { type Change, Projection } from "../../src/projection/index.ts"
import { count, importStatus, noProgress, Progress } from "./progress.ts"
import { importProgress, imports } from "./topics.ts"

/** The view behind `GET /imports/{id}`. */
export const importsTable = "imports"

type Message = (typeof imports)["~value"] | (typeof importProgress)["~value"]

const ProgressJson = Schema.fromJsonString(Schema.toCodecJson(Progress))
const Rows = Schema.Array(Schema.Struct({ import_id: Schema.String, progress: ProgressJson }))
// The rows are our own: one that cannot be read is a defect.
const decodeRows = (rows: unknown) => Effect.orDie(Schema.decodeUnknownEffect(Rows)(rows))
const encodeProgress = (progress: Progress) => Effect.orDie(Schema.encodeEffect(ProgressJson)(progress))

/** An import as one more message leaves it; undefined where the message says nothing about it. */
const fold = (before: Progress | undefined, message: Message): Progress | undefined => {
  if (message._tag === "Cancel" || message._tag === "PartEnded") return before
  if (message._tag === "Seal") return before ?? noProgress
  return count(before ?? noProgress, message)
}

const apply = Effect.fnUntraced(function* (table: string, changes: ReadonlyArray<Change<string, Message>>) {
  const sql = yield* SqlClient.SqlClient
  const ids = [...new Set(changes.map(({ key }) => key))]
  const known = yield* decodeRows(
    yield* sql`SELECT import_id, progress FROM ${sql(table)} WHERE ${sql.in("import_id", ids)}`
  )
  const before = new Map(known.map(({ import_id, progress }) => [import_id, progress]))
  const after = new Map(before)
  for (const { key, value } of changes) {
    const next = Option.isSome(value) ? fold(after.get(key), value.value) : undefined
    if (next !== undefined) after.set(key, next)
  }
  for (const [import_id, progress] of after) {
    if (progress === before.get(import_id)) continue
    const row = { import_id, progress: yield* encodeProgress(progress) }
    yield* sql`INSERT INTO ${sql(table)} ${sql.insert(row)} ON CONFLICT (import_id) DO UPDATE SET progress = excluded.progress`
  }
})

/** What is known of each import: the fold that `import-progress` keeps, in SQL, from the seal on. */
export const importsView = Projection.make("imports-view", {
  inbox: [imports, importProgress],
  table: importsTable,
  create: (table) =>
    SqlClient.SqlClient.use(
      (sql) => sql`CREATE TABLE IF NOT EXISTS ${sql(table)} (import_id text PRIMARY KEY, progress text NOT NULL)`
    ),
  apply
})

/** As `GET /imports/{id}` answers; none where the view does not know the import (yet). */
export const findImport = Effect.fnUntraced(function* (importId: string) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* decodeRows(
    yield* sql`SELECT import_id, progress FROM ${sql(importsTable)} WHERE import_id = ${importId}`
  )
  return Option.map(Option.fromNullishOr(rows[0]), ({ progress }) => importStatus(progress))
})
