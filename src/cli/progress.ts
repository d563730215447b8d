/** The counts of an import, as its status events and `GET /imports/{id}` have them. */
export interface ImportCounts {
  readonly state: "accepted" | "running" | "done" | "incomplete" | "failed" | "cancelled"
  readonly jobs: { readonly total: number | null; readonly completed: number; readonly failed: number }
  readonly rows: {
    readonly total: number | null
    readonly imported: number
    readonly rejected: number
    readonly failed: number
  }
}

export const isOver = ({ state }: ImportCounts): boolean => state !== "accepted" && state !== "running"

const width = 30

/** How much of it is done, 0 to 1; 0 while the total is unknown, 1 for an import of nothing. */
export const share = ({ jobs }: ImportCounts): number =>
  jobs.total === null ? 0 : jobs.total === 0 ? 1 : Math.min(1, (jobs.completed + jobs.failed) / jobs.total)

/** One line: `running  [######........]  40 %  400 imported, 3 rejected`. */
export const line = (counts: ImportCounts): string => {
  const part = share(counts)
  const full = Math.floor(part * width)
  const { failed, imported, rejected } = counts.rows
  const rows = `${imported} imported, ${rejected} rejected${failed > 0 ? `, ${failed} failed` : ""}`
  return `${counts.state.padEnd(10)} [${"#".repeat(full)}${".".repeat(width - full)}] ${String(Math.floor(part * 100)).padStart(3)} %  ${rows}`
}
