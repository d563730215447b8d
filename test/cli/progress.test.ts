import { expect, it } from "@effect/vitest"
import { Schema } from "effect"
import { describe } from "vitest"
import { isOver, line, share } from "../../src/cli/progress.ts"
import type { ImportCounts } from "../../src/cli/progress.ts"

const counts = (over: Partial<ImportCounts>): ImportCounts => ({
  state: "running",
  jobs: { total: null, completed: 0, failed: 0 },
  rows: { total: null, imported: 0, rejected: 0, failed: 0 },
  ...over
})
const count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5000 }))

describe("progress of an import", () => {
  it.prop("never shows less than nothing or more than all", [count, count, count], ([total, completed, failed]) => {
    const of = counts({ jobs: { total, completed, failed } })
    expect(share(of)).toBeGreaterThanOrEqual(0)
    expect(share(of)).toBeLessThanOrEqual(1)
    expect(line(of)).toMatch(/\[[#.]{30}\] +\d{1,3} %/)
  })

  it("is at nothing while the total is unknown, and at all for an import without rows", () => {
    expect(share(counts({ jobs: { total: null, completed: 3, failed: 0 } }))).toBe(0)
    expect(share(counts({ jobs: { total: 0, completed: 0, failed: 0 } }))).toBe(1)
  })

  it("counts failed parts as ended, and names failed rows only where there are some", () => {
    expect(
      line(
        counts({
          jobs: { total: 4, completed: 1, failed: 1 },
          rows: { total: 8, imported: 3, rejected: 1, failed: 4 }
        })
      )
    ).toBe("running    [###############...............]  50 %  3 imported, 1 rejected, 4 failed")
    expect(line(counts({ rows: { total: 1, imported: 1, rejected: 0, failed: 0 } }))).not.toContain("failed")
  })

  it("is over in every state but the first two", () => {
    expect(["accepted", "running"].some((state) => isOver(counts({ state: state as "running" })))).toBe(false)
    expect(
      ["done", "incomplete", "failed", "cancelled"].every((state) => isOver(counts({ state: state as "done" })))
    ).toBe(true)
  })
})
