import type { Log } from "./log.ts"
import type { Storage } from "./storage.ts"

const pieceBatches = 256

/**
 * Deletes the oldest batches whose newest record is older than `before`, a bounded number of them. Answers the new first
 * offset, or undefined when there is no more to delete. Nothing at or after an open transaction goes.
 */
export const retentionPiece = (storage: Storage, log: Log, before: number): number | undefined => {
  const { db } = storage
  const oldest = db
    .prepare("SELECT last, newest FROM batches WHERE log = ? AND last < ? ORDER BY last LIMIT ?")
    .all(log.id, log.stable, pieceBatches)
  const kept = oldest.findIndex((row) => Number(row["newest"]) >= before)
  const count = kept === -1 ? oldest.length : kept
  if (count === 0) return undefined
  const last = Number(oldest[count - 1]!["last"])
  db.prepare("DELETE FROM batches WHERE log = ? AND last <= ?").run(log.id, last)
  log.first = last + 1
  log.cleaned = Math.max(log.cleaned, log.first)
  db.prepare("UPDATE logs SET first = ?, next = ?, cleaned = ? WHERE id = ?").run(
    log.first,
    log.next,
    log.cleaned,
    log.id
  )
  storage.forget(log)
  return count === pieceBatches ? log.first : undefined
}
