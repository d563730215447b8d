import { describe, expect, it } from "@effect/vitest"
import { render } from "../../src/cli/render.ts"
import type { PlannedNode } from "../../src/supervision/plan.ts"

const node = (name: string, kind: PlannedNode["kind"], place: number, rest: Partial<PlannedNode>): PlannedNode => ({
  name,
  kind,
  inbox: [],
  emits: [],
  dependsOn: [],
  start: place,
  stop: 3 - place,
  replicas: 1,
  ...rest
})
const picture = {
  name: "shop",
  nodes: [
    node("orders-view", "projection", 2, { inbox: ["orders", "refunds"], table: "orders" }),
    node("letters", "projection", 1, { inbox: ["orders-view.dead-letters", "settings.dead-letters"] }),
    node("settings", "kv", 1, { inbox: ["settings.commands"], emits: ["settings", "settings.results"] })
  ]
}

describe("a picture of a topology", () => {
  it("shows the table a projection keeps, the commands a store's writer takes, and all dead letters as one topic", () => {
    expect(render("tree", picture).split("\n").slice(1)).toEqual([
      "  1 ┬─ letters      projection  × 1  *.dead-letters → ·",
      "    └─ settings     kv          × 1  settings.commands → settings, settings.results",
      "  2 ── orders-view  projection  × 1  orders, refunds → table orders"
    ])
  })

  it("draws the table behind the projection", () => {
    const lines = render("mermaid", picture).split("\n")
    expect(lines).toContain('  n0 --> v0[("orders")]')
    expect(lines).toContain("  t2 --> n1")
    expect(lines).toContain("  n2 --> t4")
  })
})
