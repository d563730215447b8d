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
const find = Effect.fnUntraced(function* (table: string, ids: ReadonlyArray<string>) {
  const sql = yield* SqlClient.SqlClient
  return yield* decodeRows(yield* sql`SELECT import_id, progress FROM ${sql(table)} WHERE ${sql.in("import_id", ids)}`)
})
const encodeProgress = (progress: Progress) => Effect.orDie(Schema.encodeEffect(ProgressJson)(progress))

const isProgress = (message: Message): message is (typeof importProgress)["~value"] =>
  message._tag !== "Seal" && message._tag !== "Cancel" && message._tag !== "PartEnded"

/**
 * The two topics' partitions may be of different processes. So only what comes from `import-progress` replaces a row, and that is of one
 * process at a time; a seal never does. Both write their rows in the same order, so that neither waits for the other in a circle.
 */
const apply = Effect.fnUntraced(function* (table: string, changes: ReadonlyArray<Change<string, Message>>) {
  const sql = yield* SqlClient.SqlClient
  const messages = changes.flatMap(({ key, value }) => (Option.isSome(value) ? [[key, value.value] as const] : []))
  const told = new Set(messages.flatMap(([key, message]) => (isProgress(message) ? [key] : [])))
  const known = told.size === 0 ? [] : yield* find(table, [...told])
  const before = new Map(known.map(({ import_id, progress }) => [import_id, progress]))
  const after = new Map(before)
  for (const [key, message] of messages) {
    if (isProgress(message)) after.set(key, count(after.get(key) ?? noProgress, message))
    else if (message._tag === "Seal" && !after.has(key)) after.set(key, noProgress)
  }
  for (const [import_id, progress] of [...after].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (progress === before.get(import_id)) continue
    const row = sql.insert({ import_id, progress: yield* encodeProgress(progress) })
    yield* told.has(import_id)
      ? sql`INSERT INTO ${sql(table)} ${row} ON CONFLICT (import_id) DO UPDATE SET progress = excluded.progress`
      : sql`INSERT INTO ${sql(table)} ${row} ON CONFLICT (import_id) DO NOTHING`
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
  const [row] = yield* find(importsTable, [importId])
  return Option.map(Option.fromUndefinedOr(row), ({ progress }) => importStatus(progress))
})
