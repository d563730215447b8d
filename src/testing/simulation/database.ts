import { Context, Effect, Latch, Layer, Stream } from "effect"
import type { Scope } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, SqlError, Statement } from "effect/sql"
import type { SqlConnection } from "effect/sql"
import { Sqlite } from "../../projection/sqlite.ts"
import type { Faults } from "./faults.ts"

/** One process's way to the database: it is cut off, frozen and thawed with its process. */
export interface DatabaseClient {
  readonly sql: SqlClient.SqlClient
  /** Its open transaction is rolled back, and nothing of it arrives any more. */
  readonly crash: Effect.Effect<void>
  readonly freeze: Effect.Effect<void>
  readonly thaw: Effect.Effect<void>
}

/** A database that all simulated processes share, as PostgreSQL would be; in memory, and gone with the scope. */
export interface Database {
  /** The client of that name, made at its first use and after a crash; each name is one process. */
  client(name: string): Effect.Effect<DatabaseClient>
  /** For whoever looks from outside; without faults. */
  readonly sql: SqlClient.SqlClient
}

/** Between a process and the database: where a test plants a bug. */
export type WrapSql = (connection: SqlConnection.Connection) => SqlConnection.Connection

/** `faults` is asked before every statement, named by its first word: `BEGIN`, `INSERT`, `COMMIT`. */
export const make = Effect.fnUntraced(function* (
  faults: Faults,
  wrap: WrapSql
): Effect.fn.Return<Database, SqlError.SqlError, Scope.Scope> {
  const context = yield* Layer.build(Layer.merge(Sqlite.layer(":memory:"), Reactivity.layer))
  const sql = Context.get(context, SqlClient.SqlClient)
  const clients = new Map<string, DatabaseClient>()

  const connect = Effect.fnUntraced(function* (name: string) {
    const up = Latch.makeUnsafe(true)
    let isGone = false
    /** Where a transaction of this client is open. */
    let open: Lease | undefined

    const rollBack = Effect.suspend(() => {
      const lease = open
      open = undefined
      return lease === undefined ? Effect.void : Effect.ignore(lease.conn.executeUnprepared("ROLLBACK", [], undefined))
    })
    const breakOff = (lease: Lease, message: string) =>
      Effect.suspend(() => {
        lease.isBroken = true
        return Effect.andThen(rollBack, Effect.fail(lost(message)))
      })

    const guarded = Effect.fnUntraced(function* <A>(
      lease: Lease,
      text: string,
      statement: Effect.Effect<A, SqlError.SqlError>
    ): Effect.fn.Return<A, SqlError.SqlError> {
      const verb = text.trimStart().split(/\s/, 1)[0]!.toUpperCase()
      yield* up.await
      const verdict = yield* faults({ kind: "sql", client: name, subjects: [verb] })
      // Killed just now, too: its transaction is rolled back already, and this would be outside of any.
      if (isGone || lease.isBroken) return yield* breakOff(lease, "the connection is closed")
      if (verdict === "fail") return yield* breakOff(lease, `${verb} never arrived`)
      const answer = yield* statement
      if (verb === "BEGIN") open = lease
      if (verb === "COMMIT" || verb === "ROLLBACK") open = undefined
      if (verdict === "lose") return yield* breakOff(lease, `no answer to ${verb}`)
      yield* up.await
      return answer
    })

    const through = (conn: SqlConnection.Connection): SqlConnection.Connection => {
      const lease: Lease = { conn, isBroken: false }
      return wrap({
        execute: (text, ...rest) => guarded(lease, text, conn.execute(text, ...rest)),
        executeRaw: (text, ...rest) => guarded(lease, text, conn.executeRaw(text, ...rest)),
        executeUnprepared: (text, ...rest) => guarded(lease, text, conn.executeUnprepared(text, ...rest)),
        executeValues: (text, ...rest) => guarded(lease, text, conn.executeValues(text, ...rest)),
        executeValuesUnprepared: (text, ...rest) => guarded(lease, text, conn.executeValuesUnprepared(text, ...rest)),
        executeStream: (text, ...rest) =>
          Stream.unwrap(guarded(lease, text, Effect.succeed(conn.executeStream(text, ...rest))))
      })
    }
    const client = yield* SqlClient.make({
      // One connection in turns: whoever holds a transaction open makes the others wait.
      acquirer: Effect.map(sql.reserve, through),
      compiler: Statement.makeCompilerSqlite(),
      driver: "simulated",
      spanAttributes: [],
      isTransaction: () => open !== undefined,
      beginTransaction: "BEGIN IMMEDIATE",
      releaseSavepoint: (savepoint) => `RELEASE SAVEPOINT ${savepoint}`
    }).pipe(Effect.provideContext(context))
    return {
      sql: client,
      crash: Effect.suspend(() => {
        isGone = true
        clients.delete(name)
        up.openUnsafe()
        return rollBack
      }),
      freeze: Effect.sync(() => void up.closeUnsafe()),
      thaw: Effect.sync(() => void up.openUnsafe())
    }
  })

  return {
    sql,
    client: (name) =>
      Effect.suspend(() => {
        const known = clients.get(name)
        if (known !== undefined) return Effect.succeed(known)
        return Effect.tap(connect(name), (made) => Effect.sync(() => clients.set(name, made)))
      })
  }
})

/** A connection lent to one client; once it has broken, nothing passes it any more. */
interface Lease {
  readonly conn: SqlConnection.Connection
  isBroken: boolean
}

const lost = (message: string) =>
  new SqlError.SqlError({ reason: new SqlError.ConnectionError({ message, cause: message, operation: "execute" }) })
