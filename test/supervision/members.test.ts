import { expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Logger, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import { Actor } from "../../src/actor/actor.ts"
import { Topic } from "../../src/actor/topic.ts"
import * as Topology from "../../src/actor/topology.ts"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { noHeaders } from "../../src/kafka/records.ts"
import { Actors } from "../../src/supervision/actors.ts"
import { layer } from "../../src/supervision/layer.ts"
import type { LayerOptions } from "../../src/supervision/layer.ts"
import { membersTopic } from "../../src/supervision/members.ts"
import { Roster } from "../../src/supervision/roster.ts"

const words = Topic.make("words", { value: Schema.String, partitions: 2 })
const reader = Actor.make("reader", { inbox: words }).handle({ message: () => Effect.void })
const topology = Topology.make("line", reader)

/** A process of its own on the broker there is. */
const process = Effect.fnUntraced(function* (options: LayerOptions) {
  const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
  const context = yield* Layer.buildWithScope(layer(topology, { members: true, ...options }), scope)
  const actors = Context.get(context, Actors)
  const replicas = () => actors.everywhere().find(({ name }) => name === "reader")!.replicas
  return { actors, replicas, stop: Scope.close(scope, Exit.void) }
})

const seconds = (count: number) => Effect.repeat(TestClock.adjust("1 second"), { times: count - 1 })
const embedded = Effect.provide([Embedded.layerMemory, Logger.layer([])])

/** What a process by this name would have told. */
const tell = Effect.fnUntraced(function* (instance: string, value: unknown, timestamp: number = 0) {
  const producer = yield* (yield* Kafka).producer
  const utf8 = new TextEncoder()
  const text = typeof value === "string" ? value : JSON.stringify(value)
  yield* producer.send([
    {
      topic: membersTopic.name,
      partition: 0,
      key: utf8.encode(instance),
      value: utf8.encode(text),
      headers: noHeaders,
      timestamp
    }
  ])
})
const ran = (instance: string, app = "sixfold") => ({
  app,
  actors: [
    {
      name: "reader",
      kind: "keyed",
      state: "running",
      replicas: [{ instance, replica: 0, state: "running", partitions: [], restarts: 2 }],
      deadLetters: 0
    }
  ]
})

describe("the processes of an application", () => {
  it.effect("know of each other's replicas and partitions, whichever is asked", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* process({ instance: "a" }), yield* process({ instance: "b", scale: { reader: 2 } })]
      yield* seconds(30)
      for (const { replicas } of [a, b]) {
        expect(
          replicas()
            .map(({ instance, replica, state }) => `${instance} ${replica} ${state}`)
            .toSorted()
        ).toEqual(["a 0 running", "b 0 running", "b 1 running"])
        const partitions = replicas().flatMap(({ partitions }) => partitions.map(({ partition }) => partition))
        expect(new Set(partitions)).toEqual(new Set([0, 1]))
        expect(partitions).toHaveLength(2)
      }
      expect(a.actors.status()[1]!.replicas).toHaveLength(1)
    }).pipe(Effect.scoped, embedded)
  )

  it.effect("are those of the same application only, and do not speak unless they are told to", () =>
    Effect.gen(function* () {
      const a = yield* process({ instance: "a" })
      yield* process({ instance: "b", app: "other" })
      yield* process({ instance: "c", members: false })
      yield* seconds(20)
      expect(a.replicas().map(({ instance }) => instance)).toEqual(["a"])
    }).pipe(Effect.scoped, embedded)
  )

  it.effect("are gone at once when they have stopped", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* process({ instance: "a" }), yield* process({ instance: "b" })]
      yield* seconds(15)
      expect(a.replicas()).toHaveLength(2)
      yield* b.stop
      yield* seconds(2)
      expect(a.replicas().map(({ instance }) => instance)).toEqual(["a"])
    }).pipe(Effect.scoped, embedded)
  )

  it.effect("show as silent when they were killed, whenever the asked one started, and are forgotten in the end", () =>
    Effect.gen(function* () {
      const a = yield* process({ instance: "a" })
      yield* tell("killed", ran("killed"))
      yield* seconds(29)
      expect(a.replicas()[1]).toMatchObject({ instance: "killed", state: "running" })
      yield* seconds(5)
      const silent = {
        instance: "killed",
        state: "stopped",
        restarts: 2,
        silentSince: expect.stringContaining("1970-") as string
      }
      expect(a.replicas()[1]).toMatchObject(silent)
      expect(a.actors.everywhere()[1]!.state).toBe("running")
      const late = yield* process({ instance: "late", scale: { reader: 0 } })
      yield* seconds(2)
      expect(late.replicas().find(({ instance }) => instance === "killed")).toMatchObject(silent)
      yield* TestClock.adjust("61 minutes")
      expect(a.replicas().map(({ instance }) => instance)).toEqual(["a"])
    }).pipe(Effect.scoped, embedded)
  )

  it.effect("do not believe what is no status, and go on", () =>
    Effect.gen(function* () {
      const a = yield* process({ instance: "a" })
      for (const value of ["{", "null", '{"app":"sixfold","actors":[{"name":"reader"}]}']) yield* tell("odd", value)
      yield* tell("a", ran("stolen"))
      yield* tell("b", ran("b"))
      yield* seconds(2)
      expect(a.replicas().map(({ instance }) => instance)).toEqual(["a", "b"])
    }).pipe(Effect.scoped, embedded)
  )

  it("remembers a bounded number of others, those heard of last", () => {
    const roster = new Roster()
    for (let n = 0; n < 1_000; n++) roster.heard(`p${n}`, { actors: [] }, n)
    expect(roster.others(1_000)).toHaveLength(256)
  })
})
