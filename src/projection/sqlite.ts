import { Effect, Layer, Result, Semaphore, Stream } from "effect"
import type { Scope } from "effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import { SqlClient, SqlError, Statement } from "effect/sql"
import type { SqlConnection } from "effect/sql"
import { DatabaseSync } from "node:sqlite"
import type { SQLInputValue, StatementSync } from "node:sqlite"

/** Prepared statements kept, per connection. */
const mostStatements = 128
/** Milliseconds to wait for another process's lock. */
const busyTimeout = 5_000

type Rows = ReadonlyArray<Record<string, unknown>>
type Transform = (<A extends object>(rows: ReadonlyArray<A>) => ReadonlyArray<A>) | undefined

/** No text of ours has a NUL in it, since PostgreSQL holds none: what one of the two takes, the other must. */
const toSqlite = (value: unknown): SQLInputValue => {
  if (typeof value === "string" && value.includes("\0")) throw new Error("a text with a NUL in it is no value of ours")
  if (typeof value === "boolean") return value ? 1 : 0
  if (value instanceof Date) return value.toISOString()
  return (value ?? null) as SQLInputValue
}

/** The database cannot be used at present: no memory, read-only, I/O, damaged, full, cannot be opened, lock protocol, no database. */
const unusable = new Set([7, 8, 10, 11, 13, 14, 15, 26])

/** node:sqlite has SQLite's result code as `errcode`, where the classification looks for `errno`. */
const codeOf = (cause: unknown) => (cause as { readonly errcode?: number }).errcode
/** SQLite's code for a statement that is wrong, and for a value that a function of it refuses. */
const generic = 1

const sqlError = (cause: unknown): SqlError.SqlError => {
  const [code, message] = [codeOf(cause), (cause as { readonly message?: string }).message ?? String(cause)]
  const coded = Object.assign(new Error(message, { cause }), { errno: code })
  const props = { message, operation: "execute" }
  return new SqlError.SqlError({
    reason:
      code !== undefined && unusable.has(code & 0xff)
        ? new SqlError.ConnectionError({ ...props, cause: coded })
        : SqlError.classifySqliteError(coded, props)
  })
}

/** What cannot even be prepared is the statement's fault, never its parameters'. */
const notPrepared = (cause: unknown): SqlError.SqlError => {
  const error = sqlError(cause)
  if (codeOf(cause) !== generic) return error
  const props = { cause, message: error.message, operation: "prepare" }
  return new SqlError.SqlError({ reason: new SqlError.SqlSyntaxError(props) })
}

const attempt = <A>(work: () => A): Effect.Effect<A, SqlError.SqlError> => Effect.try({ try: work, catch: sqlError })

/** One open database as a connection. Its statements are synchronous; the most recently used stay prepared. */
const connection = (db: DatabaseSync): SqlConnection.Connection => {
  const prepared = new Map<string, StatementSync>()
  const prepare = (sql: string): StatementSync => {
    const known = prepared.get(sql)
    if (known !== undefined) {
      prepared.delete(sql)
      prepared.set(sql, known)
      return known
    }
    const statement = db.prepare(sql)
    prepared.set(sql, statement)
    if (prepared.size > mostStatements) prepared.delete(prepared.keys().next().value!)
    return statement
  }
  /** A prepared statement notices only when it runs that its table is gone: prepared anew, it says so again. */
  const failed = (sql: string) => (cause: unknown) => {
    if (codeOf(cause) !== generic) return sqlError(cause)
    prepared.delete(sql)
    return Result.match(Result.try({ try: () => db.prepare(sql), catch: notPrepared }), {
      onFailure: (error) => error,
      onSuccess: () => sqlError(cause)
    })
  }
  const running = <A>(sql: string, work: () => A) => Effect.try({ try: work, catch: failed(sql) })
  const rows = (statement: StatementSync, params: ReadonlyArray<unknown>, transform: Transform): Rows => {
    const all = statement.all(...params.map(toSqlite))
    return transform === undefined ? all : transform(all)
  }
  const values = (sql: string, params: ReadonlyArray<unknown>): ReadonlyArray<ReadonlyArray<unknown>> => {
    const statement = db.prepare(sql)
    statement.setReturnArrays(true)
    return statement.all(...params.map(toSqlite)) as unknown as ReadonlyArray<ReadonlyArray<unknown>>
  }
  return {
    execute: (sql, params, transform) => running(sql, () => rows(prepare(sql), params, transform)),
    executeRaw: (sql, params) => running(sql, () => prepare(sql).run(...params.map(toSqlite))),
    executeUnprepared: (sql, params, transform) => running(sql, () => rows(db.prepare(sql), params, transform)),
    executeValues: (sql, params) => running(sql, () => values(sql, params)),
    executeValuesUnprepared: (sql, params) => running(sql, () => values(sql, params)),
    executeStream: (sql, params) =>
      Stream.unwrap(
        Effect.map(
          attempt(() => db.prepare(sql).iterate(...params.map(toSqlite))),
          (rows) => Stream.catchCause(Stream.fromIterable(rows), (cause) => Stream.fail(sqlError(cause)))
        )
      )
  }
}

const open = (path: string, readOnly: boolean): Effect.Effect<DatabaseSync, SqlError.SqlError, Scope.Scope> =>
  Effect.acquireRelease(
    attempt(() => {
      const db = new DatabaseSync(path, { readOnly })
      db.exec(`PRAGMA busy_timeout = ${busyTimeout}`)
      if (!readOnly) db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
      return db
    }),
    (db) => Effect.sync(() => db.close())
  )

const isQuery = (sql: string): boolean => /^\s*select\b/i.test(sql)

const make = Effect.fnUntraced(function* (path: string) {
  const db = yield* open(path, false)
  const writer = connection(db)
  // Readers see the last commit while a transaction is open; a database in memory has but one connection.
  const reader = path === ":memory:" ? writer : connection(yield* open(path, true))
  const lock = yield* Semaphore.make(1)
  // SQLite ends a transaction itself where it must (a full disk), and keeps one open whose COMMIT failed.
  const { isTransaction, onCommitFailure, transactionAcquirer } = SqlClient.makeSqliteAcquirers({
    connection: Effect.succeed(writer),
    semaphore: lock,
    isTransaction: () => db.isTransaction
  })
  const inTurn =
    <Arguments extends ReadonlyArray<unknown>, A>(
      pick: (from: SqlConnection.Connection) => (...args: Arguments) => Effect.Effect<A, SqlError.SqlError>
    ) =>
    (...args: Arguments) =>
      reader !== writer && isQuery(String(args[0]))
        ? pick(reader)(...args)
        : lock.withPermit(Effect.suspend(() => pick(writer)(...args)))
  const outside: SqlConnection.Connection = {
    execute: inTurn((it) => it.execute),
    executeRaw: inTurn((it) => it.executeRaw),
    executeUnprepared: inTurn((it) => it.executeUnprepared),
    executeValues: inTurn((it) => it.executeValues),
    executeValuesUnprepared: inTurn((it) => it.executeValuesUnprepared),
    executeStream: reader.executeStream
  }
  return yield* SqlClient.make({
    acquirer: Effect.succeed(outside),
    transactionAcquirer,
    onCommitFailure,
    isTransaction,
    compiler: Statement.makeCompilerSqlite(),
    driver: "node:sqlite",
    spanAttributes: [["db.system.name", "sqlite"]],
    beginTransaction: "BEGIN IMMEDIATE",
    prepareTransactionControls: true,
    releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`
  })
})

/**
 * SQLite as a `SqlClient`, on the runtime's own `node:sqlite` (Node and Deno). One connection writes, in turns; in a file (WAL)
 * another only reads, and is never held up by a transaction. A power cut may take the newest commits with it (synchronous =
 * NORMAL): rows and offsets go together, and are read from the log again.
 *
 * @param path a file, or `:memory:`
 */
const layer = (path: string): Layer.Layer<SqlClient.SqlClient, SqlError.SqlError> =>
  Layer.effect(SqlClient.SqlClient, make(path)).pipe(Layer.provide(Reactivity.layer))

/** SQLite as the database of projections and routes: `Sqlite.layer(path)`, or `":memory:"`. */
export const Sqlite = { layer }
