import { existsSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { files, root, text } from "./source.ts"

const readme = text("README.md")
const blocks = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1])

/** Relative links of a page, as paths from the root. */
const links = (page: string): ReadonlyArray<string> => {
  const folder = page.includes("/") ? page.slice(0, page.lastIndexOf("/") + 1) : ""
  return [...text(page).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map((match) =>
    new URL(match[1]!, `file:///${folder}`).pathname.slice(1)
  )
}

describe("README.md", () => {
  it("shows the examples that the tests run, word for word", () => {
    const examples = ["counter.ts", "counter.test.ts", "follow.ts"]
    expect(blocks).toEqual(examples.map((name) => text(`test/structure/readme/${name}`)))
  })

  it("can be read in five minutes", () => {
    expect(readme.split("\n").length).toBeLessThanOrEqual(150)
  })

  it("shows an own actor in at most 25 lines", () => {
    expect(text("test/structure/readme/counter.ts").trimEnd().split("\n").length).toBeLessThanOrEqual(25)
  })

  it("begins with the two commands", () => {
    expect(readme.indexOf("npm ci && npm start")).toBeGreaterThan(0)
    expect(readme.indexOf("npm ci && npm start")).toBeLessThan(400)
  })

  it("names only npm scripts that exist", () => {
    const { scripts } = JSON.parse(text("package.json")) as { scripts: Record<string, string> }
    const named = ["README.md", "CONTRIBUTING.md"].flatMap((page) =>
      [...text(page).matchAll(/npm (?:run )?(start|test|[\w-]+:[\w-]+|(?<=run )[\w-]+)/g)].map((match) => match[1]!)
    )
    expect(named.length).toBeGreaterThan(3)
    expect(named.filter((name) => !(name in scripts))).toEqual([])
  })
})

describe("pages", () => {
  it.each(["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ...files("docs", ".md")])(
    "%s links to files that exist",
    (page) => {
      expect(links(page).filter((path) => !existsSync(root + path))).toEqual([])
    }
  )

  it("name every folder of the sources in the file map", () => {
    const map = text("docs/design.md")
    const folders = new Set(
      files("src")
        .map((path) => path.split("/").slice(1, -1).join("/"))
        .filter((path) => path !== "")
    )
    expect([...folders].filter((folder) => !map.includes(`${folder.split("/").at(-1)}/`))).toEqual([])
  })
})
