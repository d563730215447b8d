import { describe, expect, it } from "vitest"
import { entryPoints, layers, violation } from "./layers.ts"
import { files, importsOf, parses, show, type Import } from "./source.ts"

const sources = [...files("src"), ...files("actors"), ...files("topology")]
const imports = sources.flatMap((path) => importsOf(path))

const judged = (list: ReadonlyArray<Import>): ReadonlyArray<string> =>
  list.flatMap((each) => {
    const wrong = violation(each)
    return wrong ? [`${show(each)}: ${wrong}`] : []
  })

describe("imports", () => {
  it("can be read: every file parses", () => {
    expect(sources.filter((path) => !parses(path))).toEqual([])
  })

  it("go down the layers only", () => {
    expect(sources.length).toBeGreaterThan(20)
    expect(judged(imports)).toEqual([])
  })

  it("name existing files", () => {
    const known = new Set(sources)
    const missing = imports.filter((each) => /^(src|actors|topology)\//.test(each.to) && !known.has(each.to))
    expect(missing.map(show)).toEqual([])
  })

  it("form no cycle", () => {
    expect(cycle(imports)).toEqual([])
  })

  it("of actor/ from kafka/ are types, or the partitioner", () => {
    const loaded = imports.filter(
      (each) =>
        each.from.startsWith("src/actor/") &&
        each.to.startsWith("src/kafka/") &&
        !each.typeOnly &&
        each.to !== "src/kafka/partitioner.ts"
    )
    // Topology.layer is typed by the Kafka service; its class is a value where it is provided, not where it is declared.
    expect(loaded.map(show)).toEqual([])
  })

  it("leave the client free of packages, so that a browser can load it as it is", () => {
    const packages = imports.filter((each) => each.from.startsWith("src/client/") && !each.to.startsWith("src/client/"))
    expect(packages.map(show)).toEqual([])
  })

  it("never go through effect's or platform-node's barrels that load what nobody asked for", () => {
    expect(imports.filter((each) => each.to === "@effect/platform-node").map(show)).toEqual([])
  })
})

describe("the rules themselves", () => {
  const one = (from: string, line: string) => judged(importsOf(from, line))

  it("catch a folder that reaches up", () => {
    expect(one("src/kafka/x.ts", `import { a } from "../runtime/log.ts"`)).toHaveLength(1)
    expect(one("src/runtime/x.ts", `export * from "../cli/main.ts"`)).toHaveLength(1)
    expect(one("src/runtime/x.ts", `const a = import("../cli/main.ts")`)).toHaveLength(1)
    expect(one("src/runtime/x.ts", `import type { A } from "../supervision/child.ts"`)).toHaveLength(1)
  })

  it("catch a package outside of its adapter", () => {
    expect(one("src/runtime/x.ts", `import { Base } from "@platformatic/kafka"`)).toHaveLength(1)
    expect(one("src/http/x.ts", `import { WebSocketServer } from "ws"`)).toHaveLength(1)
    expect(one("src/store/x.ts", `import { it } from "vitest"`)).toHaveLength(1)
  })

  it("catch an actor that looks behind the public surface", () => {
    expect(one("actors/x.ts", `import { murmur2 } from "../src/kafka/partitioner.ts"`)).toHaveLength(1)
    expect(entryPoints.flatMap((entry) => one("actors/x.ts", `import { a } from "../${entry}"`))).toEqual([])
  })

  it("catch a new folder nobody has given a place", () => {
    expect(one("src/misc/x.ts", `import { a } from "../kafka/kafka.ts"`)).toHaveLength(1)
  })

  it("name only layers below, so that the folders cannot form a cycle either", () => {
    const edges = Object.entries(layers).flatMap(([from, to]) => to.map((each) => ({ from, to: each })))
    expect(cycle(edges.map((edge) => ({ ...edge, line: 0, typeOnly: false })))).toEqual([])
  })

  it("find a cycle where there is one", () => {
    const edge = (from: string, to: string): Import => ({ from, to, line: 1, typeOnly: true })
    expect(cycle([edge("a", "b"), edge("b", "c"), edge("c", "b")])).toEqual(["b", "c", "b"])
  })
})

/** The first cycle found, as the path that closes it; empty where there is none. */
function cycle(edges: ReadonlyArray<Import>): ReadonlyArray<string> {
  const next = Map.groupBy(edges, (edge) => edge.from)
  const done = new Set<string>()
  const visit = (at: string, path: ReadonlyArray<string>): ReadonlyArray<string> => {
    if (path.includes(at)) return [...path.slice(path.indexOf(at)), at]
    if (done.has(at)) return []
    for (const edge of next.get(at) ?? []) {
      const found = visit(edge.to, [...path, at])
      if (found.length > 0) return found
    }
    done.add(at)
    return []
  }
  for (const start of next.keys()) {
    const found = visit(start, [])
    if (found.length > 0) return found
  }
  return []
}
