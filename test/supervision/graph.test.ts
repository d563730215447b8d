import { expect, it } from "@effect/vitest"
import { Context, Effect, Layer, Result, Schema } from "effect"
import { describe as suite } from "vitest"
import { Actor } from "../../src/actor/actor.ts"
import { Topic } from "../../src/actor/topic.ts"
import type { AnyTopic } from "../../src/actor/topic.ts"
import * as Topology from "../../src/actor/topology.ts"
import { describe } from "../../src/supervision/graph.ts"
import { plan, steps } from "../../src/supervision/plan.ts"
import { declaredTopics } from "../../src/supervision/topics.ts"

const topic = (name: string) => Topic.make(name, { value: Schema.String })
const actor = (name: string, inbox: AnyTopic, emits: ReadonlyArray<AnyTopic>) =>
  Actor.make(name, { inbox, emits }).handle({ message: () => Effect.void })

const [checkouts, stock, orders, entry, middle, end] = ["checkouts", "stock", "orders", "entry", "middle", "end"].map(
  topic
)
const checkout = actor("checkout", checkouts!, [stock!, orders!])
const inventory = actor("inventory", stock!, [checkouts!])
const delivery = actor("delivery", orders!, [checkouts!])
const view = {
  kind: "projection",
  name: "orders-view",
  inboxes: [orders!],
  definition: { table: "orders", create: () => Effect.void, apply: () => Effect.void },
  "~R": (): never => undefined as never
} as const
class Entries extends Context.Service<Entries, Record<string, string>>()("site-config") {}
const store = {
  kind: "kv",
  key: Entries.key,
  layer: Layer.succeed(Entries, {}),
  writer: actor("site-config", topic("site-config.commands"), [topic("site-config"), topic("site-config.results")]),
  "~Self": () => Entries.prototype
} as const
const shop = Topology.make("shop", checkout, inventory, delivery, view, store)

const node = (topology: Topology.AnyTopology, name: string) => describe(topology).find((it) => it.name === name)!

const names = ["a", "b", "c", "d", "e", "f"] as const
const edges = Schema.Array(Schema.Tuple([Schema.Literals(names), Schema.Literals(names)]))

suite("order", () => {
  it.prop(
    "starts what a node depends on before it, and stops it after it, whatever emits into what",
    { edges },
    ({ edges }) => {
      const inboxes = new Map(names.map((name) => [name, topic(`${name}-inbox`)]))
      const actors = names.map((name) =>
        actor(
          name,
          inboxes.get(name)!,
          edges.filter(([from]) => from === name).map(([, to]) => inboxes.get(to)!)
        )
      )
      const nodes = describe(Topology.make("any", ...actors))
      for (const { dependsOn, start, stop } of nodes) {
        for (const name of dependsOn) {
          const other = nodes.find((it) => it.name === name)!
          expect(other.start).toBeLessThan(start)
          expect(other.stop).toBeGreaterThan(stop)
        }
      }
    }
  )

  it("knows the table of a projection, and the topics of a store's writer", () => {
    expect(node(shop, "orders-view")).toMatchObject({
      kind: "projection",
      inbox: ["orders"],
      emits: [],
      table: "orders"
    })
    expect(node(shop, "site-config")).toMatchObject({
      kind: "kv",
      inbox: ["site-config.commands"],
      emits: ["site-config", "site-config.results"]
    })
    expect(node(shop, "checkout")).not.toHaveProperty("table")
  })

  it("starts consumers before those who emit to them", () => {
    const pipeline = Topology.make(
      "line",
      actor("first", entry!, [middle!]),
      actor("second", middle!, [end!]),
      actor("third", end!, [])
    )
    expect(node(pipeline, "first").dependsOn).toEqual(["second"])
    expect(
      describe(pipeline)
        .toSorted((a, b) => a.start - b.start)
        .map(({ name }) => name)
    ).toEqual(["third", "dead-letters-view", "second", "first", "gateway"])
  })

  it("breaks a circle of topics where it was declared first", () => {
    expect(node(shop, "checkout").dependsOn).toEqual(["site-config", "inventory", "delivery", "orders-view"])
    expect(node(shop, "inventory").dependsOn).toEqual(["site-config"])
  })

  it("starts stores first, and the gateway last and stops it first", () => {
    const nodes = describe(shop)
    expect(nodes.filter(({ start }) => start === 1).map(({ name }) => name)).toEqual([
      "site-config",
      "dead-letters-view"
    ])
    expect(node(shop, "gateway").start).toBe(Math.max(...nodes.map(({ start }) => start)))
    expect(node(shop, "gateway").stop).toBe(1)
    expect(node(shop, "gateway").dependsOn).toEqual([
      "checkout",
      "inventory",
      "delivery",
      "orders-view",
      "site-config",
      "dead-letters-view"
    ])
  })

  it("follows everybody's dead letters by a node of its own, the last", () => {
    const view = describe(shop).at(-1)!
    expect(view).toMatchObject({ name: "dead-letters-view", kind: "projection", emits: [], dependsOn: [] })
    expect(view.inbox).toContain("checkout.dead-letters")
    expect(view.inbox).toContain("orders-view.dead-letters")
    expect(view.inbox).toHaveLength(5)
    expect(() => Topology.make("taken", actor("dead-letters-view", end!, []))).toThrow("two nodes are named")
  })
})

suite("selection", () => {
  const replicas = (selection: Parameters<typeof plan>[1]) =>
    Object.fromEntries(Result.getOrThrow(plan(shop, selection)).map(({ name, replicas }) => [name, replicas]))
  const refused = (selection: Parameters<typeof plan>[1]) => {
    const result = plan(shop, selection)
    return Result.isFailure(result) ? result.failure.message : "accepted"
  }

  it("runs everything once unless told otherwise", () => {
    expect(new Set(Object.values(replicas({})))).toEqual(new Set([1]))
  })

  it("runs only the named ones, and still knows the others", () => {
    expect(replicas({ actors: ["gateway", "checkout"] })).toEqual({
      gateway: 1,
      checkout: 1,
      inventory: 0,
      delivery: 0,
      "orders-view": 0,
      "site-config": 0,
      // It is in every process.
      "dead-letters-view": 1
    })
    expect(refused({ scale: { "dead-letters-view": 0 } })).toContain("every process has one")
  })

  it("scales by name, to none as well", () => {
    expect(replicas({ scale: { checkout: 4, delivery: 0 } })).toMatchObject({ checkout: 4, delivery: 0, inventory: 1 })
  })

  it("refuses an unknown name, and guesses which was meant", () => {
    expect(refused({ actors: ["chekout"] })).toContain("did you mean checkout?")
    expect(refused({ scale: { nobody: 2 } })).toMatch(/^no actor is named "nobody" \(there are gateway, checkout/)
  })

  it("refuses a scale it cannot give", () => {
    expect(refused({ scale: { gateway: 2 } })).toBe("cannot scale gateway to 2: it takes 0 to 1 replicas")
    expect(refused({ scale: { checkout: -1 } })).toBe("cannot scale checkout to -1: it takes 0 to 64 replicas")
    expect(refused({ scale: { checkout: 1.5 } })).toBe("cannot scale checkout to 1.5: it takes 0 to 64 replicas")
    expect(refused({ actors: ["gateway"], scale: { checkout: 2 } })).toContain("not among the actors to start")
  })

  it("groups what starts together, first ones first", () => {
    expect(steps(Result.getOrThrow(plan(shop))).map((step) => step.map(({ name }) => name))).toEqual([
      ["site-config", "dead-letters-view"],
      ["inventory", "delivery", "orders-view"],
      ["checkout"],
      ["gateway"]
    ])
  })
})

suite("topics", () => {
  it("declares every topic once, with each actor's and each store's own and the status topics", () => {
    expect(
      Result.getOrThrow(declaredTopics(shop))
        .map(({ name }) => name)
        .toSorted()
    ).toEqual([
      "checkout.dead-letters",
      "checkout.state",
      "checkouts",
      "delivery.dead-letters",
      "delivery.state",
      "inventory.dead-letters",
      "inventory.state",
      "orders",
      "orders-view.dead-letters",
      "site-config",
      "site-config.commands",
      "site-config.dead-letters",
      "site-config.results",
      "site-config.state",
      "sixfold.members",
      "status",
      "status-latest",
      "stock"
    ])
  })

  it("refuses two declarations of a topic that differ", () => {
    const other = Topic.make("stock", { value: Schema.String, partitions: 3 })
    const result = declaredTopics(Topology.make("odd", checkout, actor("inventory", other, [])))
    expect(Result.isFailure(result) && result.failure.message).toBe("topic stock is declared with partitions 12 and 3")
  })
})
