import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { describe } from "vitest"
import { sixfold } from "./sixfold.ts"

describe("topology", () => {
  it.effect("lists dependencies and the order of starting and stopping as JSON", () =>
    Effect.gen(function* () {
      const { out } = yield* sixfold("topology --format json --scale writer=3")
      expect(JSON.parse(out)).toEqual({
        name: "line",
        nodes: [
          {
            name: "gateway",
            kind: "routes",
            inbox: ["status"],
            emits: [],
            dependsOn: ["reader", "writer", "dead-letters-view"],
            start: 3,
            stop: 1,
            replicas: 1
          },
          {
            name: "reader",
            kind: "keyed",
            inbox: ["first"],
            emits: ["second"],
            dependsOn: ["writer"],
            start: 2,
            stop: 2,
            replicas: 1
          },
          {
            name: "writer",
            kind: "keyed",
            inbox: ["second"],
            emits: [],
            dependsOn: [],
            start: 1,
            stop: 3,
            replicas: 3
          },
          {
            name: "dead-letters-view",
            kind: "projection",
            inbox: ["reader.dead-letters", "writer.dead-letters"],
            emits: [],
            dependsOn: [],
            start: 1,
            stop: 3,
            replicas: 1
          }
        ]
      })
    })
  )

  it.effect("reads from top to bottom as it starts", () =>
    Effect.gen(function* () {
      const { out } = yield* sixfold("topology --scale reader=0")
      expect(out.split("\n")).toEqual([
        "line: started from top to bottom, stopped from bottom to top",
        "  1 ┬─ writer             keyed       × 1               second → ·",
        "    └─ dead-letters-view  projection  × 1               *.dead-letters → ·",
        "  2 ── reader             keyed       not started here  first → second",
        "  3 ── gateway            routes                        status → ·"
      ])
    })
  )

  it.effect("draws topics between the nodes in mermaid", () =>
    Effect.gen(function* () {
      const { out } = yield* sixfold("topology --format mermaid")
      expect(out).toContain("flowchart LR")
      expect(out).toContain("n1 --> t2\n  t2 --> n2")
    })
  )
})
