import { Effect, Option } from "effect"
import { SqlClient } from "effect/sql"
import { Projection } from "sixfold/projection"
import { whereabouts } from "./topics.ts"

/** The table behind `GET /parcels/{parcel}`. */
export const places = Projection.make("places", {
  inbox: whereabouts,
  table: "places",
  create: (table) =>
    SqlClient.SqlClient.use(
      (sql) => sql`CREATE TABLE ${sql(table)} (parcel text PRIMARY KEY, place text NOT NULL, seen integer NOT NULL)`
    ),
  apply: Effect.fnUntraced(function* (table, changes) {
    const sql = yield* SqlClient.SqlClient
    for (const { key: parcel, value } of changes) {
      if (Option.isNone(value)) continue
      yield* sql`INSERT INTO ${sql(table)} ${sql.insert({ parcel, ...value.value })}
        ON CONFLICT (parcel) DO UPDATE SET place = excluded.place, seen = excluded.seen`
    }
  })
})

/** A parcel's row; none where it has not been seen. */
export const findPlace = Effect.fnUntraced(function* (parcel: string) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ place: string; seen: number }>`
    SELECT place, seen FROM places WHERE parcel = ${parcel}`
  return Option.fromNullishOr(rows[0])
})
