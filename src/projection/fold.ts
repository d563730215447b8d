import { Array as Arr, Effect, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql"
import { make } from "../actor/projection.ts"
import type { Change, ChangeOf, Projection } from "../actor/projection.ts"
import type { Topic } from "../actor/topic.ts"

/** A table with a row for each key, and how one row is read. */
export interface FoldProjection<out State> extends Projection<SqlClient.SqlClient> {
  /** A key's state; none where it has none (yet). */
  find(key: string): Effect.Effect<Option.Option<State>, SqlError.SqlError, SqlClient.SqlClient>
}

type StringKeys = Topic<string, any> | ReadonlyArray<Topic<string, any>>

type ValueOf<C> = C extends Change<string, infer V> ? V : never
/** A record of any of the topics. */
type Merged<I> = Change<string, ValueOf<ChangeOf<I>>>

/** Rows of one statement: two values each, below what SQLite takes as parameters (32,766). */
const rowsPerStatement = 1_000

/**
 * Declares a table with a row for each key of its topics: `key text PRIMARY KEY, state text`, the state being what `fold` makes of
 * the key's records, as JSON.
 *
 * - `state` is the schema of a state. Rows that an earlier one wrote and this one cannot read are a defect: rebuild the projection.
 * - `fold` gives the state after one more record; undefined: the key has no row, as before its first record. It is pure, it may be
 *   run again from an earlier state, and whoever gives back the same object writes nothing. Records come in the order of each
 *   partition; those of several topics in any order. What it throws makes the record a dead letter.
 *
 * A batch is read and written in a few statements, whatever its size.
 */
export const fold = <const I extends StringKeys, S extends Schema.Codec<any, any>>(
  name: string,
  spec: {
    readonly inbox: I
    readonly table: string
    readonly state: S
    readonly fold: (before: S["Type"] | undefined, change: Merged<NoInfer<I>>) => S["Type"] | undefined
  }
): FoldProjection<S["Type"]> => {
  type State = S["Type"]
  const State: Schema.Codec<State, string> = Schema.fromJsonString(Schema.toCodecJson(spec.state))
  const Rows = Schema.Array(Schema.Struct({ key: Schema.String, state: State }))
  // The rows are our own: one that cannot be read is a defect.
  const decode = (rows: unknown) => Effect.orDie(Schema.decodeUnknownEffect(Rows)(rows))
  const encode = (state: State) => Effect.orDie(Schema.encodeEffect(State)(state))

  const find = Effect.fnUntraced(function* (table: string, keys: ReadonlyArray<string>) {
    const sql = yield* SqlClient.SqlClient
    const rows = yield* decode(yield* sql`SELECT key, state FROM ${sql(table)} WHERE ${sql.in("key", keys)}`)
    return new Map(rows.map(({ key, state }) => [key, state]))
  })

  /** What a few keys' changes make of their rows. */
  const applySome = Effect.fnUntraced(function* (
    table: string,
    changed: ReadonlyArray<readonly [key: string, changes: ReadonlyArray<Merged<I>>]>
  ) {
    const sql = yield* SqlClient.SqlClient
    const known = yield* find(
      table,
      changed.map(([key]) => key)
    )
    const rows: Array<{ readonly key: string; readonly state: string }> = []
    const gone: Array<string> = []
    for (const [key, changes] of changed) {
      const before = known.get(key)
      const after = changes.reduce<State | undefined>(spec.fold, before)
      if (after === before) continue
      if (after === undefined) gone.push(key)
      else rows.push({ key, state: yield* encode(after) })
    }
    if (gone.length > 0) yield* sql`DELETE FROM ${sql(table)} WHERE ${sql.in("key", gone)}`
    if (!Arr.isArrayNonEmpty(rows)) return
    yield* sql`INSERT INTO ${sql(table)} ${sql.insert(rows)} ON CONFLICT (key) DO UPDATE SET state = excluded.state`
  })

  const projection = make(name, {
    inbox: spec.inbox,
    table: spec.table,
    create: (table) =>
      SqlClient.SqlClient.use(
        (sql) => sql`CREATE TABLE IF NOT EXISTS ${sql(table)} (key text PRIMARY KEY, state text NOT NULL)`
      ),
    apply: (table, changes) =>
      Effect.forEach(
        Arr.chunksOf([...Map.groupBy(changes as ReadonlyArray<Merged<I>>, ({ key }) => key)], rowsPerStatement),
        (some) => applySome(table, some),
        { discard: true }
      )
  })
  return {
    ...projection,
    find: (key) => Effect.map(find(spec.table, [key]), (states) => Option.fromUndefinedOr(states.get(key)))
  }
}
