import { readdirSync, readFileSync } from "node:fs"
import { posix } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { shared } from "../../topology/site/routes.ts"

const site = fileURLToPath(new URL("../../topology/site/", import.meta.url))
const sources = fileURLToPath(new URL("../../src/", import.meta.url))
const assets = readdirSync(`${site}assets`, { recursive: true, encoding: "utf8" })
  .filter((path) => /\.\w+$/.test(path))
  .map((path) => path.replaceAll("\\", "/"))
const text = (path: string) => readFileSync(`${site}assets/${path}`, "utf8")
const scripts = assets.filter((path) => path.endsWith(".js"))

/** What the server adds to the page's own files: `routes.ts` says which. */
const addedByServer = /^(actor|client|cli)\//

describe("the page's files", () => {
  it("are short enough to read", () => {
    const long = assets.filter((path) => text(path).split("\n").length > 250)
    expect(long).toEqual([])
  })

  it("import nothing but each other and what the server adds, by relative paths", () => {
    expect(scripts.length).toBeGreaterThan(20)
    const missing = scripts.flatMap((path) =>
      Array.from(text(path).matchAll(/^import (?:.* from )?"([^"]+)"/gm), ([, to]) => to!)
        .filter((to) => {
          const target = posix.join(posix.dirname(path), to)
          return !to.startsWith(".") || !(scripts.includes(target) || addedByServer.test(target))
        })
        .map((to) => `${path} ${to}`)
    )
    expect(missing).toEqual([])
  })

  it("get from the sources what the server adds, and that needs nothing else", () => {
    const wanted = scripts.flatMap((path) =>
      Array.from(text(path).matchAll(/^import (?:.* from )?"([^"]+)"/gm), ([, to]) =>
        posix.join(posix.dirname(path), to!)
      ).filter((target) => addedByServer.test(target))
    )
    const needed = new Set(wanted.map((target) => target.replace(/\.js$/, "")))
    // Those found on the way are followed, too.
    for (const name of needed) {
      const source = readFileSync(`${sources}${name}.ts`, "utf8")
      for (const [, to] of source.matchAll(/^(?:import(?! type)|export) (?:.* from )"([^"]+)"/gm)) {
        needed.add(to!.startsWith(".") ? posix.join(posix.dirname(name), to!).replace(/\.ts$/, "") : to!)
      }
    }
    expect([...needed].toSorted()).toEqual(shared.toSorted())
  })

  it("are all used", () => {
    const index = readFileSync(`${site}index.html`, "utf8")
    const used = new Set(
      scripts.flatMap((path) =>
        Array.from(text(path).matchAll(/^import (?:.* from )?"([^"]+)"/gm), ([, to]) =>
          posix.join(posix.dirname(path), to!)
        )
      )
    )
    expect(assets.filter((path) => !used.has(path) && !index.includes(`/assets/${path}"`))).toEqual([])
  })

  it("never make HTML, scripts or styles of text, and keep nothing in the browser but what one file does for a tab", () => {
    const forbidden =
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\("style"|localStorage|document\.cookie|indexedDB/
    expect(scripts.filter((path) => forbidden.test(text(path)))).toEqual([])
    expect(scripts.filter((path) => text(path).includes("sessionStorage"))).toEqual(["kept.js"])
    expect(readFileSync(`${site}index.html`, "utf8")).not.toMatch(/<style|style=|onclick|<script(?![^>]* src=)|https?:/)
  })
})
