import { Effect, Random, Schema } from "effect"
import { SqlClient } from "effect/sql"

/** Which database a process keeps its tables in. */
export interface Database {
  /** Of the database itself: the same by whichever address it is reached. */
  readonly id: string
  /** For people: without user and password. */
  readonly name: string
}

const Rows = Schema.NonEmptyArray(Schema.Struct({ id: Schema.String }))

const newId = Effect.map(Effect.all(Array.from({ length: 4 }, () => Random.nextIntBetween(0, 0xffff_ffff))), (parts) =>
  parts.map((part) => part.toString(16).padStart(8, "0")).join("")
)

/** Whoever comes first gives the database its id. */
const ensureId = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE IF NOT EXISTS sixfold_database (only_row integer PRIMARY KEY, id text NOT NULL)`
  const row = { only_row: 1, id: yield* newId }
  yield* sql`INSERT INTO sixfold_database ${sql.insert(row)} ON CONFLICT (only_row) DO NOTHING`
  const [{ id }] = yield* Effect.orDie(
    Effect.flatMap(sql`SELECT id FROM sixfold_database`, Schema.decodeUnknownEffect(Rows))
  )
  return id
})

/** Of several that create the same table at once, PostgreSQL refuses all but one: by then it is there. */
export const identify = (name: string) =>
  ensureId.pipe(
    Effect.retry({ times: 3, while: ({ isRetryable }) => !isRetryable }),
    // The driver's own words do not say which.
    Effect.tapError(() => Effect.logError(`the database ${name} does not answer`)),
    Effect.map((id): Database => ({ id, name }))
  )
