import { Effect, Layer } from "effect"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { KafkaError } from "../errors.ts"
import { explain } from "./store.ts"

/** The file whose lock stands for the directory where no broker is in it. */
const fileName = "lock.sqlite"

/**
 * Keeps other processes out of a directory that exists: SQLite's exclusive lock on a file of its own, which ends with the process
 * however that ends. Fails with `Locked` when another process has it, and with
 * `Refused` when the file cannot be made or used.
 */
export const layer = (directory: string): Layer.Layer<never, KafkaError> =>
  Layer.effectDiscard(
    Effect.acquireRelease(
      Effect.try({
        try: () => {
          const db = new DatabaseSync(join(directory, fileName), { timeout: 0 })
          db.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT")
          return db
        },
        catch: (cause) => explain(directory, cause)
      }),
      (db) => Effect.sync(() => db.close())
    )
  )
