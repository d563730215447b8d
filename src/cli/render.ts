import type { PlannedNode } from "../supervision/plan.ts"
import { table } from "./table.ts"

/** What `sixfold topology` prints. */
export interface Picture {
  readonly name: string
  readonly nodes: ReadonlyArray<PlannedNode>
}

export type Format = "tree" | "json" | "mermaid"

const running = ({ kind, replicas }: PlannedNode): string =>
  replicas === 0 ? "not started here" : kind === "routes" ? "" : `× ${replicas}`

/** In a picture all dead letters are one topic. */
const drawn = (inbox: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...new Set(inbox.map((topic) => (topic.endsWith(".dead-letters") ? "*.dead-letters" : topic)))
]

const topics = ({ emits, inbox, table }: PlannedNode): string =>
  `${drawn(inbox).join(", ")} → ${[...emits, ...(table === undefined ? [] : [`table ${table}`])].join(", ") || "·"}`

/** The nodes in the order of starting; those that start together share a step. */
const tree = ({ name, nodes }: Picture): string => {
  const sorted = nodes.toSorted((a, b) => a.start - b.start)
  const lines = table(sorted.map((node) => [node.name, node.kind, running(node), topics(node)]))
  return [
    `${name}: started from top to bottom, stopped from bottom to top`,
    ...sorted.map((node, index) => {
      const first = sorted[index - 1]?.start !== node.start
      const last = sorted[index + 1]?.start !== node.start
      const branch = first && last ? "──" : first ? "┬─" : last ? "└─" : "├─"
      return `${first ? String(node.start).padStart(3) : "   "} ${branch} ${lines[index]}`
    })
  ].join("\n")
}

const quoted = (text: string): string => `"${text.replaceAll('"', "#quot;")}"`

/** A flow chart: nodes, and the topics between them. */
const mermaid = ({ nodes }: Picture): string => {
  const names = [...new Set(nodes.flatMap(({ emits, inbox }) => [...drawn(inbox), ...emits]))]
  const id = (name: string) => `t${names.indexOf(name)}`
  return [
    "flowchart LR",
    ...nodes.map(
      ({ name, replicas }, index) =>
        `  n${index}[${quoted(replicas > 1 ? `${name} × ${replicas}` : name)}]${replicas === 0 ? ":::off" : ""}`
    ),
    ...names.map((name) => `  ${id(name)}([${quoted(name)}])`),
    ...nodes.flatMap(({ table }, index) =>
      table === undefined ? [] : [`  n${index} --> v${index}[(${quoted(table)})]`]
    ),
    ...nodes.flatMap(({ emits, inbox }, index) => [
      ...drawn(inbox).map((topic) => `  ${id(topic)} --> n${index}`),
      ...emits.map((topic) => `  n${index} --> ${id(topic)}`)
    ]),
    "  classDef off stroke-dasharray: 4"
  ].join("\n")
}

export const render = (format: Format, picture: Picture): string => {
  switch (format) {
    case "tree":
      return tree(picture)
    case "json":
      return JSON.stringify(picture, undefined, 2)
    case "mermaid":
      return mermaid(picture)
  }
}
