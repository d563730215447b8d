import { beforeAll, describe, expect, it } from "vitest"
import { apiPages, readApi } from "../../scripts/api.ts"
import { files, text } from "./source.ts"

describe("docs/api", () => {
  let api: ReturnType<typeof readApi>
  let pages: ReturnType<typeof apiPages>
  beforeAll(() => {
    api = readApi()
    pages = apiPages(api)
  })

  it("tells every export of the four entry points, each with a docstring", () => {
    const exported = api.flatMap((entry) => entry.exported.map((each) => ({ entry: entry.name, ...each })))
    expect(exported.length).toBeGreaterThan(80)
    const silent = exported.filter(({ declarations }) => declarations.every(({ doc }) => doc === ""))
    expect(silent.map(({ entry, name, path }) => `${entry} ${name} (${path})`)).toEqual([])
  })

  it("is what the docstrings say today (cure: npm run docs)", () => {
    const found = files("docs/api", ".md").map((path) => [path.slice("docs/api/".length), text(path)] as const)
    expect(new Map(found)).toEqual(pages)
  })
})
