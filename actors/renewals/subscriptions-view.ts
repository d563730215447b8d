import { Array as Arr, Effect, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { type Change, Projection } from "../../src/projection/index.ts"
import { Account, fold } from "./account.ts"
import { charges } from "./topics.ts"

/** The view behind `GET /subscriptions/{userId}`. */
export const subscriptionsTable = "subscriptions"

/** Users of one statement: two values each, below what SQLite takes as parameters (32,766). */
const rowsPerStatement = 1_000

const AccountText = Schema.fromJsonString(Account)
const decodeRows = (rows: unknown) =>
  Effect.orDie(
    Schema.decodeUnknownEffect(Schema.Array(Schema.Struct({ user_id: Schema.String, account: AccountText })))(rows)
  )
const encodeAccount = (account: Account) => Effect.orDie(Schema.encodeEffect(AccountText)(account))

const find = Effect.fnUntraced(function* (table: string, userIds: ReadonlyArray<string>) {
  const sql = yield* SqlClient.SqlClient
  return yield* decodeRows(yield* sql`SELECT user_id, account FROM ${sql(table)} WHERE ${sql.in("user_id", userIds)}`)
})

/** Of some users, one change to the table each. */
const applySome = Effect.fnUntraced(function* (
  table: string,
  userIds: ReadonlyArray<string>,
  changes: ReadonlyArray<Change<string, (typeof charges)["~value"]>>
) {
  const sql = yield* SqlClient.SqlClient
  const accounts = new Map<string, Account | undefined>()
  for (const { account, user_id } of yield* find(table, userIds)) accounts.set(user_id, account)
  for (const { key, value } of changes) {
    if (Option.isSome(value)) accounts.set(key, fold(accounts.get(key), value.value))
  }
  const rows: Array<Record<string, unknown>> = []
  const gone: Array<string> = []
  for (const [user_id, account] of accounts) {
    if (account === undefined) gone.push(user_id)
    else rows.push({ user_id, account: yield* encodeAccount(account) })
  }
  if (gone.length > 0) yield* sql`DELETE FROM ${sql(table)} WHERE ${sql.in("user_id", gone)}`
  if (!Arr.isArrayNonEmpty(rows)) return
  yield* sql`INSERT INTO ${sql(table)} ${sql.insert(rows)}
    ON CONFLICT (user_id) DO UPDATE SET account = excluded.account`
})

/** Keeps each user's subscription and last charges, from what `renewals` wrote. */
export const subscriptionsView = Projection.make("subscriptions-view", {
  inbox: charges,
  table: subscriptionsTable,
  create: (table) =>
    SqlClient.SqlClient.use(
      (sql) => sql`CREATE TABLE IF NOT EXISTS ${sql(table)} (user_id text PRIMARY KEY, account text NOT NULL)`
    ),
  apply: Effect.fnUntraced(function* (table, changes) {
    const byUser = [...Map.groupBy(changes, ({ key }) => key)]
    for (let at = 0; at < byUser.length; at += rowsPerStatement) {
      const some = byUser.slice(at, at + rowsPerStatement)
      yield* applySome(
        table,
        some.map(([userId]) => userId),
        some.flatMap(([, changes]) => changes)
      )
    }
  })
})

/** One user's subscription; none where the view does not know it (yet, or any more). */
export const findSubscription = Effect.fnUntraced(function* (userId: string) {
  const rows = yield* find(subscriptionsTable, [userId])
  return Option.map(Option.fromNullishOr(rows[0]), ({ account }) => account)
})
