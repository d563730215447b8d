import { Schema } from "effect"

const count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/** The counts of an import, as its status events and `GET /imports/{id}` have them. */
export const ImportCounts = Schema.Struct({
  state: Schema.Literals(["accepted", "running", "done", "incomplete", "failed", "cancelled"]),
  jobs: Schema.Struct({ total: Schema.NullOr(count), completed: count, failed: count }),
  rows: Schema.Struct({ total: Schema.NullOr(count), imported: count, rejected: count, failed: count })
})
export type ImportCounts = typeof ImportCounts.Type

export const isOver = ({ state }: ImportCounts): boolean => state !== "accepted" && state !== "running"

const width = 30

/** How much of it is done, 0 to 1; 0 while the total is unknown, 1 for an import of nothing. */
export const share = ({ jobs }: ImportCounts): number =>
  jobs.total === null ? 0 : jobs.total === 0 ? 1 : Math.min(1, (jobs.completed + jobs.failed) / jobs.total)

/** `400 imported, 3 rejected`. */
export const rowsOf = ({ rows: { failed, imported, rejected } }: ImportCounts): string =>
  `${imported} imported, ${rejected} rejected${failed > 0 ? `, ${failed} failed` : ""}`

/** One line: `running  [######........]  40 %  400 imported, 3 rejected`. */
export const line = (counts: ImportCounts): string => {
  const part = share(counts)
  const full = Math.floor(part * width)
  return `${counts.state.padEnd(10)} [${"#".repeat(full)}${".".repeat(width - full)}] ${String(Math.floor(part * 100)).padStart(3)} %  ${rowsOf(counts)}`
}
