import { parseSync, Visitor } from "oxc-parser"
import { lineAt, text } from "./source.ts"

/** Something that has no place in Effect code: the wall clock, a hidden timer, hidden randomness, a run in the middle. */
export interface Use {
  readonly path: string
  readonly line: number
  readonly what: string
}

const globals = new Set(["setTimeout", "setInterval", "setImmediate", "queueMicrotask"])
const members = new Set(["Date.now", "Math.random", "performance.now", "process.env", "process.exit"])
const runs = /^run(Promise|Sync|Fork|Callback)(Exit)?(With)?$/

/** The forbidden uses in a file, from its syntax tree: comments and strings do not count. */
export const usesOf = (path: string, source = text(path)): ReadonlyArray<Use> => {
  const found: Array<Use> = []
  const add = (what: string, node: { readonly start: number }) =>
    void found.push({ path, line: lineAt(source, node.start), what })
  new Visitor({
    CallExpression(node) {
      if (node.callee.type === "Identifier" && globals.has(node.callee.name)) add(node.callee.name, node)
    },
    NewExpression(node) {
      const date = node.callee.type === "Identifier" && node.callee.name === "Date"
      if (date && node.arguments.length === 0) add("new Date()", node)
    },
    MemberExpression(node) {
      if (node.computed || node.property.type !== "Identifier") return
      const object = node.object.type === "Identifier" ? node.object.name : ""
      const name = `${object}.${node.property.name}`
      if (members.has(name)) add(name, node)
      else if (object === "console") add("console", node)
      else if (runs.test(node.property.name)) add("run", node)
    },
    TSAsExpression(node) {
      if (node.typeAnnotation.type === "TSAnyKeyword") add("as any", node)
    },
    TryStatement(node) {
      add("try", node)
    }
  }).visit(parseSync(path, source).program)
  return found
}
