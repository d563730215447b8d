import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { describe, expect, inject, it } from "vitest"

const installed = join(inject("folder"), "node_modules/sixfold")
const files = readdirSync(installed, { recursive: true, encoding: "utf8" })
const text = (path: string) => readFileSync(join(installed, path), "utf8")

describe("the package", () => {
  it("holds the program, its sources and its declarations, and nothing of the workshop", () => {
    const expected = ["LICENSE", "README.md", "actors", "bin", "dist", "package.json", "src", "topology"]
    expect(readdirSync(installed).sort()).toEqual(expected)
    expect(files.filter((path) => /(^|\/)(node_modules|data|secrets|\.env)(\/|$)|\.test\./.test(path))).toEqual([])
  })

  it("has the source of every line of its JavaScript and its declarations", () => {
    const maps = files.filter((path) => path.endsWith(".map"))
    expect(maps.length).toBeGreaterThan(300)
    const sources = maps.flatMap((path) => {
      const map = JSON.parse(text(path)) as { readonly sources: ReadonlyArray<string> }
      return map.sources.map((source) => resolve(installed, dirname(path), source))
    })
    expect(sources.filter((path) => !existsSync(path))).toEqual([])
  })

  it("names no TypeScript where Node would load it, nor in its declarations", () => {
    const loaded = files.filter((path) => path.startsWith("dist/") && /\.(js|d\.ts)$/.test(path))
    expect(loaded.filter((path) => /(from|import\(?) ?"\.[^"]*\.ts"/.test(text(path)))).toEqual([])
  })

  it("says in the manifest that is nearest to its JavaScript, too, what has side effects: esbuild and webpack ask that one", () => {
    const { sideEffects } = JSON.parse(text("dist/package.json")) as { readonly sideEffects?: ReadonlyArray<string> }
    expect(sideEffects).toEqual(["./topology/main.js"])
  })

  it("exports nothing that is not there", () => {
    const { exports } = JSON.parse(text("package.json")) as {
      readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
    }
    const targets = Object.values(exports).flatMap((entry) =>
      typeof entry === "string" ? entry : Object.values(entry)
    )
    expect(targets.length).toBeGreaterThan(4)
    expect(targets.filter((path) => !existsSync(join(installed, path)))).toEqual([])
  })
})
