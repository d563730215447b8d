import { basename } from "node:path"
import { parseSync, Visitor } from "oxc-parser"
import { describe, expect, it } from "vitest"
import { files, lineAt, text } from "./source.ts"

const sources = [...files("src"), ...files("actors"), ...files("topology")]
const tests = files("test")
const lines = (path: string) => text(path).trimEnd().split("\n").length

/** Longer than one sitting's reading, and why it is still one file. */
const long: Readonly<Record<string, string>> = {}

describe("files", () => {
  it("have at most 400 lines", () => {
    expect([...sources, ...tests].filter((path) => lines(path) > 400).map((path) => `${path} ${lines(path)}`)).toEqual(
      []
    )
  })

  it("have at most 250 lines in the sources, unless there is a reason", () => {
    const found = sources.filter((path) => lines(path) > 250)
    expect(found.filter((path) => !long[path]).map((path) => `${path} ${lines(path)}`)).toEqual([])
    expect(Object.keys(long).filter((path) => !found.includes(path))).toEqual([])
  })

  it("live in no room for everything", () => {
    const rooms = /(^|[/.])(utils?|commons?|helpers?|types?|misc|shared|lib)(\/|\.ts$)/i
    expect([...sources, ...tests, ...files("bench"), ...files("scripts")].filter((path) => rooms.test(path))).toEqual(
      []
    )
  })

  it("are no barrels, but for the four entry points", () => {
    const barrels = sources.filter((path) => basename(path) === "index.ts")
    const entries = ["src/index.ts", "src/projection/index.ts", "src/testing/index.ts", "src/client/index.ts"]
    expect(barrels.filter((path) => !entries.includes(path))).toEqual([])
  })
})

describe("tests", () => {
  it("are all run: none is focused, skipped, expected to fail or only planned", () => {
    expect(tests.flatMap((path) => setAside(path, text(path)))).toEqual([])
  })

  // In parts: whoever looks for such calls by their text finds none here.
  const calls = [["it", "skip"], ["describe", "only"], ["it", "todo"], ["it", "effect", "skip"], ["xit"]]
  it.each(calls.map((parts) => parts.join(".")))("would not be with `%s`", (call) => {
    expect(setAside("x.test.ts", `${call}("a", f)`)).toHaveLength(1)
  })
})

/** Calls that set a test aside. A visible `skipIf` or `runIf` stays possible: in a required suite a skip fails the run. */
function setAside(path: string, source: string): ReadonlyArray<string> {
  const found: Array<string> = []
  const starters = new Set(["it", "test", "describe", "suite", "layer"])
  const rootOf = (node: { type: string; object?: unknown; name?: unknown }): unknown =>
    node.type === "MemberExpression" ? rootOf(node.object as typeof node) : node.name
  new Visitor({
    MemberExpression(node) {
      if (node.property.type !== "Identifier" || !starters.has(String(rootOf(node)))) return
      if (["skip", "only", "todo", "fails"].includes(node.property.name)) {
        found.push(`${path}:${lineAt(source, node.start)} .${node.property.name}`)
      }
    },
    CallExpression(node) {
      if (
        node.callee.type === "Identifier" &&
        ["xit", "xtest", "xdescribe", "fit", "fdescribe"].includes(node.callee.name)
      ) {
        found.push(`${path}:${lineAt(source, node.start)} ${node.callee.name}`)
      }
    }
  }).visit(parseSync(path, source).program)
  return found
}
