import { Effect, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { type Change, Projection } from "../../src/projection/index.ts"
import { Level, move } from "./level.ts"
import { stock, type StockMessage } from "./topics.ts"

/** The view behind `GET /inventory/{sku}`. */
export const inventoryTable = "inventory"

const LevelJson = Schema.fromJsonString(Level)
const Rows = Schema.Array(Schema.Struct({ sku: Schema.String, level: LevelJson }))
// The rows are our own: one that cannot be read is a defect.
const decodeRows = (rows: unknown) => Effect.orDie(Schema.decodeUnknownEffect(Rows)(rows))
const encodeLevel = (level: Level) => Effect.orDie(Schema.encodeEffect(LevelJson)(level))

type Stocked = Pick<Change<string, StockMessage>, "key" | "value">

/** The levels that a batch changes. */
export const changed = (
  before: ReadonlyMap<string, Level>,
  changes: ReadonlyArray<Stocked>
): ReadonlyMap<string, Level> => {
  const after = new Map<string, Level>()
  for (const { key, value } of changes) {
    if (Option.isNone(value)) continue // nobody deletes stock
    const known = after.get(key) ?? before.get(key) ?? null
    const { level } = move(known, value.value)
    if (level !== null && level !== known) after.set(key, level)
  }
  return after
}

const apply = Effect.fnUntraced(function* (table: string, changes: ReadonlyArray<Stocked>) {
  const sql = yield* SqlClient.SqlClient
  const skus = [...new Set(changes.map(({ key }) => key))]
  const known = yield* decodeRows(yield* sql`SELECT sku, level FROM ${sql(table)} WHERE ${sql.in("sku", skus)}`)
  for (const [sku, level] of changed(new Map(known.map(({ level, sku }) => [sku, level])), changes)) {
    const row = { sku, level: yield* encodeLevel(level) }
    yield* sql`INSERT INTO ${sql(table)} ${sql.insert(row)} ON CONFLICT (sku) DO UPDATE SET level = excluded.level`
  }
})

/** The stock of each SKU that was ever set: the fold that `inventory` keeps, in SQL. */
export const inventoryView = Projection.make("inventory-view", {
  inbox: stock,
  table: inventoryTable,
  create: (table) =>
    SqlClient.SqlClient.use(
      (sql) => sql`CREATE TABLE IF NOT EXISTS ${sql(table)} (sku text PRIMARY KEY, level text NOT NULL)`
    ),
  apply
})

/** As `GET /inventory/{sku}` answers; none where the view does not know the SKU (yet). */
export const findStock = Effect.fnUntraced(function* (sku: string) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* decodeRows(yield* sql`SELECT sku, level FROM ${sql(inventoryTable)} WHERE sku = ${sku}`)
  return Option.map(Option.fromNullishOr(rows[0]), ({ level }) => ({
    sku,
    quantity: level.available,
    reserved: level.reserved
  }))
})
