import { Array as Arr, Effect, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { type Change, Projection } from "../../src/projection/index.ts"
import { OrderStatus, orderOutcomes } from "./topics.ts"

/** The view behind `GET /orders/{id}`. */
export const ordersTable = "orders"

/** Rows of one statement: two values each, below what SQLite takes as parameters (32,766). */
const rowsPerStatement = 1_000

const StatusJson = Schema.fromJsonString(OrderStatus)
const encodeStatus = Schema.encodeEffect(StatusJson)
const decodeRows = Schema.decodeUnknownEffect(Schema.Array(Schema.Struct({ status: StatusJson })))

/** The newest status of each order: all of them come from one writer, in order. A statement may not touch a row twice. */
export const latest = (
  changes: ReadonlyArray<Pick<Change<string, OrderStatus>, "key" | "value">>
): ReadonlyMap<string, OrderStatus> => {
  const byOrder = new Map<string, OrderStatus>()
  for (const { key, value } of changes) if (Option.isSome(value)) byOrder.set(key, value.value)
  return byOrder
}

/** Keeps the status of every order, for good. */
export const ordersView = Projection.make("orders-view", {
  inbox: orderOutcomes,
  table: ordersTable,
  create: (table) =>
    SqlClient.SqlClient.use(
      (sql) => sql`CREATE TABLE IF NOT EXISTS ${sql(table)} (order_id text PRIMARY KEY, status text NOT NULL)`
    ),
  apply: Effect.fnUntraced(function* (table, changes) {
    const sql = yield* SqlClient.SqlClient
    const rows = yield* Effect.forEach(latest(changes), ([order_id, status]) =>
      Effect.map(Effect.orDie(encodeStatus(status)), (status) => ({ order_id, status }))
    )
    for (const chunk of Arr.chunksOf(rows, rowsPerStatement)) {
      yield* sql`INSERT INTO ${sql(table)} ${sql.insert(chunk)}
        ON CONFLICT (order_id) DO UPDATE SET status = excluded.status`
    }
  })
})

/** An order's status; none where the view does not know the order (yet). */
export const findOrder = Effect.fnUntraced(function* (orderId: string) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql`SELECT status FROM ${sql(ordersTable)} WHERE order_id = ${orderId}`
  // The rows are our own: one that cannot be read is a defect.
  const [found] = yield* Effect.orDie(decodeRows(rows))
  return Option.map(Option.fromNullishOr(found), ({ status }) => status)
})
