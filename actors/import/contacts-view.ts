import { Array as Arr, Effect, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { type Change, Projection } from "../../src/projection/index.ts"
import { contacts } from "./topics.ts"

type ContactRow = (typeof contacts)["~value"]

/** The view behind `GET /contacts`. */
export const contactsTable = "contacts"

/** Rows of one statement: six values each, below what SQLite takes as parameters (32,766). */
const rowsPerStatement = 500

const isLater = (a: ContactRow, b: ContactRow): boolean => (a.seal === b.seal ? a.row > b.row : a.seal > b.seal)

/** One row per e-mail: a statement may not touch a row twice (PostgreSQL), and most of the work is saved. */
const latest = (
  changes: ReadonlyArray<Change<string, ContactRow>>
): ReadonlyArray<readonly [email: string, ContactRow]> => {
  const byEmail = new Map<string, ContactRow>()
  for (const { key, value } of changes) {
    if (Option.isNone(value)) continue // nobody deletes contacts
    const known = byEmail.get(key)
    if (known === undefined || isLater(value.value, known)) byEmail.set(key, value.value)
  }
  return [...byEmail]
}

/** Keeps of each e-mail the contact of the later import, and within it of the later row. */
export const contactsView = Projection.make("contacts-view", {
  inbox: contacts,
  table: contactsTable,
  create: (table) =>
    SqlClient.SqlClient.use(
      (sql) =>
        sql`CREATE TABLE IF NOT EXISTS ${sql(table)} (
        email text PRIMARY KEY, name text NOT NULL, company text NOT NULL, phone text NOT NULL,
        seal text NOT NULL, row_no integer NOT NULL)`
    ),
  apply: Effect.fnUntraced(function* (table, changes) {
    const sql = yield* SqlClient.SqlClient
    const rows = latest(changes).map(([email, { row, ...contact }]) => ({ email, ...contact, row_no: row }))
    for (const chunk of Arr.chunksOf(rows, rowsPerStatement)) {
      yield* sql`INSERT INTO ${sql(table)} ${sql.insert(chunk)}
        ON CONFLICT (email) DO UPDATE SET name = excluded.name, company = excluded.company, phone = excluded.phone,
          seal = excluded.seal, row_no = excluded.row_no
        WHERE (excluded.seal, excluded.row_no) > (${sql(table)}.seal, ${sql(table)}.row_no)`
    }
  })
})

const Contact = Schema.Struct({
  email: Schema.String,
  name: Schema.String,
  company: Schema.String,
  phone: Schema.String
})
const decodeContacts = (rows: unknown) => Effect.orDie(Schema.decodeUnknownEffect(Schema.Array(Contact))(rows))

/** One contact, by its normalized e-mail. */
export const findContact = Effect.fnUntraced(function* (email: string) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* decodeContacts(
    yield* sql`SELECT email, name, company, phone FROM ${sql(contactsTable)} WHERE email = ${email}`
  )
  return Option.fromNullishOr(rows[0])
})

/** Contacts in the order of their e-mails, from the one after `after`. */
export const listContacts = Effect.fnUntraced(function* (after: string, limit: number) {
  const sql = yield* SqlClient.SqlClient
  return yield* decodeContacts(
    yield* sql`SELECT email, name, company, phone FROM ${sql(contactsTable)}
      WHERE email > ${after} ORDER BY email LIMIT ${limit}`
  )
})
