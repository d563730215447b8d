import { assert, describe, it } from "@effect/vitest"
import { parse } from "csv-parse/sync"
import { rejectLine, rejectsHeader } from "../../../actors/import/rejects-csv.ts"

describe("the rejected rows", () => {
  it("are CSV, whatever the row holds: read back, the record is as it was", () => {
    for (const record of ["a,b", '"quoted ""twice""",x', "two\r\nlines", "", "é,小林"]) {
      const [line] = parse(rejectsHeader + rejectLine({ row: 7, reason: "no e-mail", record }), { columns: true })
      assert.deepEqual(line, { row: "7", reason: "no e-mail", record })
    }
  })

  it("are no formulas to a spreadsheet program", () => {
    for (const record of ['=HYPERLINK("http://x.example")', "+1+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]) {
      const [line] = parse(rejectsHeader + rejectLine({ row: 1, reason: "no e-mail", record }), { columns: true })
      assert.strictEqual((line as { record: string }).record, `'${record}`)
    }
  })
})
