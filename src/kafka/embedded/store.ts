import { Effect } from "effect"
import type { Scope } from "effect"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { KafkaError } from "../errors.ts"

/** The file of a broker in its data directory. */
export const fileName = "broker.sqlite"

/** Marks the file as ours ("6fld" in ASCII): SQLite keeps it in the header for exactly this. */
const applicationId = 0x36666c64

/** Of the tables below and of the batches' bytes. A newer one is refused; an older one would be migrated here. */
const formatVersion = 1

const schema = `
  CREATE TABLE broker (
    cluster TEXT NOT NULL, topics INTEGER NOT NULL, producers INTEGER NOT NULL
  );
  CREATE TABLE topics (
    name TEXT PRIMARY KEY, id TEXT NOT NULL, cleanup TEXT NOT NULL, retention INTEGER, max_bytes INTEGER NOT NULL
  );
  CREATE TABLE logs (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    first INTEGER NOT NULL, next INTEGER NOT NULL, cleaned INTEGER NOT NULL
  );
  CREATE TABLE batches (
    log INTEGER NOT NULL, base INTEGER NOT NULL, last INTEGER NOT NULL, kind INTEGER NOT NULL,
    producer INTEGER NOT NULL, newest INTEGER NOT NULL, horizon INTEGER, checksum INTEGER NOT NULL, bytes BLOB NOT NULL
  );
  CREATE UNIQUE INDEX batches_by_offset ON batches (log, last, newest);
  CREATE TABLE offsets (
    consumers TEXT NOT NULL, log INTEGER NOT NULL, next INTEGER NOT NULL, PRIMARY KEY (consumers, log)
  ) WITHOUT ROWID;
  CREATE TABLE generations (consumers TEXT PRIMARY KEY, generation INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE transactors (id TEXT PRIMARY KEY, producer INTEGER NOT NULL, epoch INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE open_transactions (
    producer INTEGER NOT NULL, log INTEGER NOT NULL, first INTEGER NOT NULL, PRIMARY KEY (producer, log)
  ) WITHOUT ROWID;
`

const refused = (where: string, what: string, cause?: unknown) =>
  new KafkaError({ reason: "Refused", message: `${where} ${what}`, ...(cause === undefined ? {} : { cause }) })

/** Says in the port's words why SQLite would not open a file. Result codes: https://sqlite.org/rescode.html */
export const explain = (where: string, cause: unknown): KafkaError => {
  const code = (cause as { readonly errcode?: number }).errcode
  const primary = code === undefined ? undefined : code & 0xff
  if (primary === 5 || primary === 6) {
    return new KafkaError({ reason: "Locked", message: `${where} is in use by another process`, cause })
  }
  if (primary === 26) return refused(where, "is not a Sixfold broker's file (not an SQLite database)", cause)
  if (primary === 11) return refused(where, "is damaged", cause)
  return refused(where, "cannot be opened", cause)
}

const number = (db: DatabaseSync, sql: string): number => Number(Object.values(db.prepare(sql).get() ?? {})[0])

/** Creates the tables in an empty database, else checks that they are ours. */
const prepare = (db: DatabaseSync, where: string, cluster: string): KafkaError | undefined => {
  const empty = number(db, "SELECT count(*) FROM sqlite_schema") === 0
  if (!empty && number(db, "PRAGMA application_id") !== applicationId) {
    return refused(where, "is not a Sixfold broker's file (another program's database)")
  }
  const version = number(db, "PRAGMA user_version")
  if (!empty && version !== formatVersion) {
    return refused(where, `has format version ${version}; this program knows version ${formatVersion}`)
  }
  if (!empty) return undefined
  db.exec(`BEGIN; ${schema} PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${formatVersion}`)
  db.prepare("INSERT INTO broker VALUES (?, 0, 0)").run(cluster)
  db.exec("COMMIT")
  return undefined
}

const openMemory = (cluster: string): DatabaseSync => {
  const db = new DatabaseSync(":memory:")
  prepare(db, "memory", cluster)
  return db
}

const openFile = (directory: string, cluster: string): DatabaseSync => {
  const where = join(directory, fileName)
  let db: DatabaseSync | undefined
  try {
    mkdirSync(directory, { recursive: true })
    db = new DatabaseSync(where, { timeout: 0 })
    // Exclusive before the first access: the write-ahead log's index then lives in this process's memory, the lock is the
    // operating system's on the file itself, and it ends with the process however that ends.
    db.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT")
    const foreign = prepareFile(db, where, cluster)
    if (foreign === undefined) return db
    db.close()
    throw foreign
  } catch (cause) {
    if (db?.isOpen) db.close()
    throw cause instanceof KafkaError ? cause : explain(where, cause)
  }
}

const prepareFile = (db: DatabaseSync, where: string, cluster: string): KafkaError | undefined => {
  // A foreign file must stay as it is: look before the journal mode is changed.
  if (number(db, "SELECT count(*) FROM sqlite_schema") > 0) {
    const foreign = prepare(db, where, cluster)
    if (foreign !== undefined) return foreign
  }
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE; COMMIT")
  return prepare(db, where, cluster)
}

/**
 * Opens the storage: a file in `directory` (made if missing), else memory. A new one is given `cluster` as its id.
 *
 * Fails with `Locked` when another process has it, and with `Refused` when the file is not a broker's, is damaged, or is
 * of another format version.
 */
export const open = (
  directory: string | undefined,
  cluster: string
): Effect.Effect<DatabaseSync, KafkaError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => (directory === undefined ? openMemory(cluster) : openFile(directory, cluster)),
      catch: (cause) => (cause instanceof KafkaError ? cause : explain(directory ?? "memory", cause))
    }),
    (db) => Effect.sync(() => db.close())
  )
