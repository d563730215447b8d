import { Schema } from "effect"
import type { importProgress } from "./topics.ts"

/**
 * What is known of an import's parts: a fold over `import-progress` that repeats and order do not change. The actor keeps it per
 * import; the view behind `GET /imports/{id}` is the same fold in SQL.
 */
export const Progress = Schema.Struct({
  channel: Schema.optionalKey(Schema.String),
  /** null until the split is known: parts may be heard of first. */
  parts: Schema.NullOr(Schema.Int),
  rows: Schema.Int,
  /** Bit n: part n has been counted. */
  counted: Schema.BigInt,
  completed: Schema.Int,
  failed: Schema.Int,
  rowsImported: Schema.Int,
  rowsRejected: Schema.Int,
  rowsFailed: Schema.Int,
  cancelled: Schema.Boolean
})
export type Progress = typeof Progress.Type

export const noProgress: Progress = {
  parts: null,
  rows: 0,
  counted: 0n,
  completed: 0,
  failed: 0,
  rowsImported: 0,
  rowsRejected: 0,
  rowsFailed: 0,
  cancelled: false
}

export type ImportState = "accepted" | "running" | "done" | "incomplete" | "failed" | "cancelled"

export const stateOf = (progress: Progress): ImportState => {
  if (progress.parts !== null && progress.completed + progress.failed >= progress.parts) {
    if (progress.failed === 0) return "done"
    return progress.completed === 0 ? "failed" : "incomplete"
  }
  if (progress.cancelled) return "cancelled"
  return progress.parts === null ? "accepted" : "running"
}

/** Whether nothing more will change. */
export const ended = (progress: Progress): boolean => {
  const state = stateOf(progress)
  return state !== "accepted" && state !== "running"
}

/** One message counted. The same object where it changes nothing: a repeat, or news after the end. */
export const count = (progress: Progress, message: (typeof importProgress)["~value"]): Progress => {
  if (ended(progress)) return progress
  if (message._tag === "Cancelled") return { ...progress, cancelled: true }
  if (message._tag === "Split") {
    if (progress.parts !== null) return progress
    const channel = message.channel === undefined ? {} : { channel: message.channel }
    return { ...progress, ...channel, parts: message.parts, rows: message.rows }
  }
  const bit = 1n << BigInt(message.part)
  if ((progress.counted & bit) !== 0n) return progress
  const counted = progress.counted | bit
  if (message._tag === "PartFailed") {
    return { ...progress, counted, failed: progress.failed + 1, rowsFailed: progress.rowsFailed + message.rows }
  }
  return {
    ...progress,
    counted,
    completed: progress.completed + 1,
    rowsImported: progress.rowsImported + message.imported,
    rowsRejected: progress.rowsRejected + message.rejected
  }
}

/** As `GET /imports/{id}` answers, and the status event carries. */
export const importStatus = (progress: Progress) => ({
  state: stateOf(progress),
  jobs: { total: progress.parts, completed: progress.completed, failed: progress.failed },
  rows: {
    total: progress.parts === null ? null : progress.rows,
    imported: progress.rowsImported,
    rejected: progress.rowsRejected,
    failed: progress.rowsFailed
  }
})
