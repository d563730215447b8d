import { describe, expect, it } from "vitest"
import { text as grafana } from "../../scripts/grafana.ts"
import { actorFamilies, processFamilies } from "../../src/supervision/families.ts"
import { files, text } from "./source.ts"

const doc = text("docs/operations.md")

/** Every metric of the sources: what is counted, and what is computed when somebody asks. */
const metrics = new Set([
  ...[...actorFamilies([]), ...processFamilies()].map(({ name }) => name),
  ...files("src").flatMap((path) =>
    [...text(path).matchAll(/Metric\.(?:counter|gauge|histogram)\(\s*"(\w+)"/g)].map(([, name]) => name!)
  )
])

/** Literals of a reason, by the class whose they are. */
const reasons = (path: string) =>
  [...text(path).matchAll(/Schema\.Literals\(\[([^\]]*)\]\)/g)].flatMap(([, list]) =>
    [...list!.matchAll(/"(\w+)"/g)].map(([, reason]) => reason!)
  )

describe("docs/operations.md", () => {
  it("has every metric, and none that is not there", () => {
    const told = new Set([...doc.matchAll(/`((?:sixfold|process|nodejs)_\w+)`/g)].map(([, name]) => name!))
    expect([...told].toSorted()).toEqual([...metrics].toSorted())
  })

  it.each(["src/kafka/errors.ts", "src/runtime/errors.ts", "src/projection/errors.ts"])(
    "has a cure for every error of %s",
    (path) => {
      const found = reasons(path)
      expect(found.length).toBeGreaterThan(3)
      const cures = doc.slice(doc.indexOf("## Errors and their cures"))
      expect(found.filter((reason) => !new RegExp(`^\\|.*\\b${reason}\\b`, "m").test(cures))).toEqual([])
    }
  )
})

describe("docs/grafana.json", () => {
  it("is what scripts/grafana.ts writes", () => {
    expect(text("docs/grafana.json")).toBe(grafana)
  })

  it("shows every metric, and none that is not there", () => {
    const shown = new Set(
      [...grafana.matchAll(/\b((?:sixfold|process|nodejs)_\w+?)(?:_bucket)?\{/g)].map(([, name]) => name!)
    )
    expect([...shown].toSorted()).toEqual([...metrics].toSorted())
  })
})
