import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import { Actor, Topic, Topology } from "../../src/index.ts"
import type { Topics } from "../../src/kafka/kafka.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import * as Creation from "../../src/runtime/creation.ts"
import * as Entry from "../../src/store/entry.ts"
import { TestKit } from "../../src/testing/testKit.ts"

const settings = Topic.make("settings", { value: Schema.Struct({ on: Schema.Boolean }), partitions: 1 })

/** The state is what was said last; off is the initial one. */
const lamp = Actor.make("lamp", {
  inbox: settings,
  state: Schema.Struct({ on: Schema.Boolean }),
  initial: { on: false }
}).handle({
  message: (_, { on }) => Effect.succeed({ on })
})

/** What the changelog says of a kind, in order. */
const entries = Effect.fnUntraced(function* (kind: keyof typeof Entry.kinds) {
  const { read, topics } = yield* Kafka
  const at = { topic: "lamp.state", partition: 0 }
  const found: Array<Uint8Array | null> = []
  for (let offset = 0; offset < (yield* topics.endOffset(at)); offset++) {
    for (const { key, value } of Option.toArray(yield* read({ ...at, offset }))) {
      if (Entry.decodeEntryKey(key!).kind === Entry.kinds[kind]) found.push(value)
    }
  }
  return found
})
const states = Effect.map(entries("state"), (all) => all.map((value) => value && new TextDecoder().decode(value)))
const positions = Effect.map(entries("position"), (all) => all.map((value) => Entry.positionValue.decode(value!)))

describe("a changelog", () => {
  it.effect("has a state when it changes, and nothing of a key that is back at the initial one", () =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      for (const on of [false, true, true, false, false]) {
        yield* kit.send(settings, "hall", { on })
        yield* kit.quiet
      }
      assert.deepStrictEqual(yield* states, ['{"on":true}', null])
    }).pipe(Effect.provide(TestKit.layer(Topology.make("test", lamp))))
  )

  it.effect("counts the settles of its partition, over a crash: by their number it knows that there has been one", () =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      for (const on of [true, false, true]) {
        yield* kit.send(settings, "hall", { on })
        yield* kit.quiet
        yield* kit.crash(lamp)
        yield* kit.quiet
      }
      assert.deepStrictEqual(
        (yield* positions).map(({ next, settle }) => [next, settle]),
        [
          [1, 1],
          [2, 2],
          [3, 3]
        ]
      )
    }).pipe(Effect.provide(TestKit.layer(Topology.make("test", lamp))))
  )
})

describe("a topic that is emitted to", () => {
  it.effect("is asked for before the first settle that writes to it, and again only where that failed", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const troubles = [true]
      const topics = {
        ensure: (specs: ReadonlyArray<{ readonly name: string }>) =>
          Effect.suspend(() => {
            asked.push(...specs.map(({ name }) => name))
            return troubles.shift() === true ? Effect.fail("away") : Effect.void
          })
      } as unknown as Topics
      const creation = Creation.make(topics, "inbox")
      const emitted = (name: string) =>
        ({ declared: Topic.make(name, { value: Schema.String, partitions: 1 }) }) as never
      creation.note([emitted("inbox"), emitted("out"), emitted("out")])
      yield* Effect.exit(creation.ensure)
      yield* creation.ensure
      creation.note([emitted("out")])
      yield* creation.ensure
      assert.deepStrictEqual(asked, ["out", "out"])
    })
  )
})
