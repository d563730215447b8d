import { describe, expect, it } from "vitest"
import { adapters } from "./adapters.ts"
import { files } from "./source.ts"
import { usesOf } from "./uses.ts"

const uses = [...files("src"), ...files("actors"), ...files("topology")].flatMap((path) => usesOf(path))
const allowed = (path: string, what: string) =>
  adapters.some((adapter) => adapter.path === path && adapter.uses.includes(what))

describe("Effect code", () => {
  it("reads no wall clock, starts no timer, draws no randomness and runs no effect of its own, but for the adapters", () => {
    const wrong = uses.filter((use) => !allowed(use.path, use.what))
    expect(wrong.map((use) => `${use.path}:${use.line} ${use.what}`)).toEqual([])
  })

  it("has no adapter that does less than it is allowed to", () => {
    const unused = adapters.flatMap((adapter) =>
      adapter.uses
        .filter((what) => !uses.some((use) => use.path === adapter.path && use.what === what))
        .map((what) => `${adapter.path} ${what}`)
    )
    expect(unused).toEqual([])
  })

  it("has a reason for every adapter", () => {
    expect(adapters.filter((adapter) => adapter.why.length < 20)).toEqual([])
  })
})

describe("the search", () => {
  it.each([
    ["Date.now", "const t = Date.now()"],
    ["new Date()", "const t = new Date()"],
    ["setTimeout", "setTimeout(f, 1)"],
    ["Math.random", "const r = Math.random"],
    ["as any", "const x = y as any"],
    ["run", "Effect.runPromise(e)"],
    ["run", "e.pipe(Effect.runForkWith(services))"],
    ["console", "console.error(1)"],
    ["process.env", "const h = process.env.HOME"],
    ["try", "try { f() } catch {}"]
  ])("finds %s in `%s`", (what, source) => {
    expect(usesOf("x.ts", source).map((use) => use.what)).toEqual([what])
  })

  it("passes over comments, strings, dates of a given time and other things of the same name", () => {
    const source = `// Date.now() and console.log\nconst s = "setTimeout(f)"\nconst d = new Date(0)\nclock.now()\nrun(e)`
    expect(usesOf("x.ts", source)).toEqual([])
  })
})
