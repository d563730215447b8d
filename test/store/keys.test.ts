import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import { Actor, Topic, Topology } from "../../src/index.ts"
import * as Entry from "../../src/store/entry.ts"
import { TestKit } from "../../src/testing/testKit.ts"

const words = Topic.make("words", { value: Schema.String, partitions: 1 })
const keeper = Actor.make("keeper", { inbox: words, state: Schema.String, initial: "" }).handle({
  message: (state, word) => Effect.succeed(state + word)
})

describe("the key of an entry", () => {
  it.prop("is read back as it was, whatever its characters", [Schema.String], ([key]) => {
    // A lone surrogate has no UTF-8.
    const text = key.toWellFormed()
    assert.strictEqual(Entry.decodeEntryKey(Entry.stateKey(text)).key, text)
    const timer = Entry.decodeEntryKey(Entry.timerKey(text, "due"))
    assert.deepStrictEqual([timer.key, Entry.timerName(timer)], [text, "due"])
  })

  it("that is damaged is refused", () => {
    const bytes = Entry.stateKey("ada")
    for (const damaged of [bytes.subarray(0, 3), bytes.subarray(0, 6), new Uint8Array([1, 255, 255, 255, 255])]) {
      assert.throws(() => Entry.decodeEntryKey(damaged))
    }
  })
})

describe("two keys that differ by a byte order mark", () => {
  it.effect("have a state each, also after a restart", () =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      const marked = "\uFEFFada"
      yield* kit.send(words, "ada", "a")
      yield* kit.send(words, marked, "b")
      yield* kit.quiet
      yield* kit.crash(keeper)
      yield* kit.send(words, marked, "c")
      yield* kit.send(words, "ada", "d")
      yield* kit.quiet
      const states = yield* Effect.forEach(["ada", marked], (key) => kit.state(keeper, key))
      assert.deepStrictEqual(states.map(Option.getOrUndefined), ["ad", "bc"])
    }).pipe(Effect.provide(TestKit.layer(Topology.make("test", keeper))))
  )
})
