import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Scope } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql"
import { mkdtempSync, rmSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Sqlite } from "../../src/projection/index.ts"

const file = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "sqlite-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** A database in a file with one table of numbers, up to 100. */
const story = <A, E>(
  name: string,
  body: (sql: SqlClient.SqlClient, path: string) => Effect.Effect<A, E, Scope.Scope | SqlClient.SqlClient>
) =>
  it.effect(name, () =>
    Effect.gen(function* () {
      const path = join(yield* file, "views.db")
      return yield* SqlClient.SqlClient.use((sql) =>
        Effect.andThen(sql`CREATE TABLE numbers (n integer PRIMARY KEY CHECK (n <= 100)) STRICT`, body(sql, path))
      ).pipe(Effect.provide(Sqlite.layer(path)))
    }).pipe(Effect.scoped)
  )

const all = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  return (yield* sql<{ n: number }>`SELECT n FROM numbers ORDER BY n`).map(({ n }) => n)
})

const reasonOf = <A, R>(effect: Effect.Effect<A, SqlError.SqlError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason._tag)

describe("a transaction", () => {
  story("is seen by nobody until it is committed, and holds no reader up", (sql) =>
    Effect.gen(function* () {
      const [inside, goOn] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const writing = yield* Effect.forkChild(
        sql.withTransaction(
          Effect.gen(function* () {
            yield* sql`INSERT INTO numbers VALUES (1)`
            assert.deepStrictEqual(yield* all, [1])
            yield* Deferred.succeed(inside, undefined)
            yield* Deferred.await(goOn)
          })
        )
      )
      yield* Deferred.await(inside)
      assert.deepStrictEqual(yield* all, [])
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.join(writing)
      assert.deepStrictEqual(yield* all, [1])
    })
  )

  story("leaves nothing when it fails or is interrupted, and the next one begins", (sql) =>
    Effect.gen(function* () {
      const two = Effect.andThen(sql`INSERT INTO numbers VALUES (1)`, sql`INSERT INTO numbers VALUES (101)`)
      assert.strictEqual(yield* reasonOf(sql.withTransaction(two)), "ConstraintError")
      const hanging = yield* Effect.forkChild(
        sql.withTransaction(Effect.andThen(sql`INSERT INTO numbers VALUES (2)`, Effect.never)),
        { startImmediately: true }
      )
      yield* Effect.yieldNow
      yield* Fiber.interrupt(hanging)
      yield* sql.withTransaction(sql`INSERT INTO numbers VALUES (3)`)
      assert.deepStrictEqual(yield* all, [3])
    })
  )

  story("that SQLite has rolled back itself fails as what it failed of", (sql) =>
    Effect.gen(function* () {
      yield* sql`INSERT INTO numbers VALUES (1)`
      const twice = sql.withTransaction(sql`INSERT OR ROLLBACK INTO numbers VALUES (1)`)
      assert.include(["ConstraintError", "UniqueViolation"], yield* reasonOf(twice))
      yield* sql.withTransaction(sql`INSERT INTO numbers VALUES (2)`)
      assert.deepStrictEqual(yield* all, [1, 2])
    })
  )

  story("whose commit fails is over: the next one begins", (sql) =>
    Effect.gen(function* () {
      yield* sql`PRAGMA foreign_keys = ON`
      yield* sql`CREATE TABLE halves (of integer REFERENCES numbers (n) DEFERRABLE INITIALLY DEFERRED) STRICT`
      assert.strictEqual(yield* reasonOf(sql.withTransaction(sql`INSERT INTO halves VALUES (7)`)), "ConstraintError")
      yield* sql.withTransaction(sql`INSERT INTO numbers VALUES (1)`)
      assert.deepStrictEqual(yield* all, [1])
      assert.deepStrictEqual(yield* sql`SELECT * FROM halves`, [])
    })
  )

  story("waits for its turn, and can be interrupted while it waits", (sql) =>
    Effect.gen(function* () {
      const goOn = yield* Deferred.make<void>()
      const first = yield* Effect.forkChild(
        sql.withTransaction(Effect.andThen(sql`INSERT INTO numbers VALUES (1)`, Deferred.await(goOn))),
        { startImmediately: true }
      )
      const waiting = yield* Effect.forkChild(sql.withTransaction(sql`INSERT INTO numbers VALUES (2)`), {
        startImmediately: true
      })
      const third = yield* Effect.forkChild(sql.withTransaction(sql`INSERT INTO numbers VALUES (3)`), {
        startImmediately: true
      })
      yield* Fiber.interrupt(waiting)
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.join(first)
      yield* Fiber.join(third)
      assert.deepStrictEqual(yield* all, [1, 3])
    })
  )
})

describe("an error says whose fault it is", () => {
  story("the record's: a constraint, a type", (sql) =>
    Effect.gen(function* () {
      yield* sql`INSERT INTO numbers VALUES (1)`
      assert.include(["ConstraintError", "UniqueViolation"], yield* reasonOf(sql`INSERT INTO numbers VALUES (1)`))
      assert.strictEqual(yield* reasonOf(sql`INSERT INTO numbers VALUES (${"text"})`), "UnknownError")
      assert.strictEqual(yield* reasonOf(sql`SELECT json_extract(${"{"}, '$')`), "UnknownError")
      // PostgreSQL holds none either: of two databases one should not know what the other does not.
      assert.strictEqual(yield* reasonOf(sql`SELECT ${"a\0b"}`), "UnknownError")
    })
  )

  story("the statement's, also of one that was good before", (sql) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* reasonOf(sql`SELEC 1`), "SqlSyntaxError")
      assert.strictEqual(yield* reasonOf(sql`INSERT INTO nowhere VALUES (1)`), "SqlSyntaxError")
      const insert = sql`INSERT INTO numbers VALUES (${1})`
      yield* insert
      yield* sql`ALTER TABLE numbers RENAME TO elsewhere`
      assert.strictEqual(yield* reasonOf(insert), "SqlSyntaxError")
    })
  )

  it.effect("the database's: locked by somebody, full, or not to be opened", () =>
    Effect.gen(function* () {
      const path = join(yield* file, "views.db")
      const scope = yield* Scope.Scope
      const opening = (at: string) =>
        SqlClient.SqlClient.use((sql) => sql`SELECT 1`).pipe(Effect.provide(Sqlite.layer(at)))
      assert.strictEqual(yield* reasonOf(opening(join(path, "nowhere"))), "ConnectionError")
      yield* SqlClient.SqlClient.use((sql) =>
        Effect.gen(function* () {
          yield* sql`CREATE TABLE blobs (b blob)`
          yield* sql`PRAGMA busy_timeout = 0`
          const other = new DatabaseSync(path)
          yield* Scope.addFinalizer(
            scope,
            Effect.sync(() => other.close())
          )
          other.exec("BEGIN IMMEDIATE")
          const writing = sql.withTransaction(sql`INSERT INTO blobs VALUES (zeroblob(100000))`)
          const locked = yield* Effect.flip(writing)
          assert.strictEqual(locked.reason._tag, "LockTimeoutError")
          assert.isTrue(locked.isRetryable)
          other.exec("ROLLBACK")
          yield* sql`PRAGMA max_page_count = 4`
          const full = yield* Effect.flip(writing)
          assert.strictEqual(full.reason._tag, "ConnectionError")
          assert.isTrue(full.isRetryable)
          yield* sql`PRAGMA max_page_count = 1000`
          yield* writing
        })
      ).pipe(Effect.provide(Sqlite.layer(path)))
    }).pipe(Effect.scoped)
  )
})
