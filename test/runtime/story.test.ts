import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Actor, Topic, Topology } from "../../src/index.ts"
import { TestKit } from "../../src/testing/testKit.ts"

class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", {}) {}

const words = Topic.make("words", { value: Schema.String, partitions: 4 })
const lines = Topic.make("lines", { value: Schema.String, partitions: 4 })

/** Joins the words of a key; "stop" fails, "later" sets a timer. */
const joiner = () => {
  const world = { down: false }
  const actor = Actor.make("joiner", {
    inbox: words,
    emits: [lines],
    state: Schema.Array(Schema.String),
    initial: [],
    timers: ["later"]
  })
    .handle({
      message: Effect.fnUntraced(function* (state, word, turn) {
        if (word === "stop" && world.down) return yield* new Unavailable()
        if (word === "later") yield* turn.set("later", { after: "1 hour" })
        const next = [...state, word]
        yield* turn.emit(lines, turn.key, next.join(" "))
        return next
      }),
      timer: { later: (state) => Effect.succeed([...state, "(late)"]) }
    })
    .errors({ Unavailable: { retry: { base: "10 seconds", factor: 1 }, then: "hold" } })
  return { actor, world, topology: Topology.make("test", actor) }
}

const story = <A, E>(name: string, body: (given: ReturnType<typeof joiner>) => Effect.Effect<A, E, TestKit>) =>
  it.effect(name, () => {
    const given = joiner()
    return body(given).pipe(Effect.provide(TestKit.layer(given.topology)))
  })

const keys = Array.from({ length: 20 }, (_, n) => `key-${n}`)

describe("an actor on the fake broker", () => {
  story("handles the messages of a key in order, and settles its state with what it emits", ({ actor }) =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      for (const word of ["a", "b", "c"]) for (const key of keys) yield* kit.send(words, key, word)
      yield* kit.quiet
      for (const key of keys) assert.deepStrictEqual(yield* kit.state(actor, key), Option.some(["a", "b", "c"]))
      const emitted = yield* kit.read(lines)
      assert.strictEqual(emitted.length, 60)
      for (const key of keys) {
        assert.deepStrictEqual(
          emitted.filter(([k]) => k === key).map(([, line]) => line),
          ["a", "a b", "a b c"]
        )
      }
    })
  )

  story("goes on from its changelog after a crash", ({ actor }) =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      yield* kit.send(words, "ada", "a")
      yield* kit.quiet
      yield* kit.crash(actor)
      yield* kit.send(words, "ada", "b")
      yield* kit.quiet
      assert.deepStrictEqual(yield* kit.state(actor, "ada"), Option.some(["a", "b"]))
      assert.strictEqual((yield* kit.read(lines)).length, 2)
    })
  )

  story("parks a key that waits, in order and over a crash, while other keys go on", ({ actor, world }) =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      world.down = true
      for (const word of ["stop", "x", "y"]) yield* kit.send(words, "ada", word)
      for (const key of keys) yield* kit.send(words, key, "z")
      yield* kit.quiet
      for (const key of keys) assert.deepStrictEqual(yield* kit.state(actor, key), Option.some(["z"]))
      yield* kit.crash(actor)
      yield* kit.quiet
      yield* TestClock.adjust("25 seconds")
      yield* kit.quiet
      assert.deepStrictEqual(yield* kit.state(actor, "ada"), Option.none())
      world.down = false
      yield* TestClock.adjust("10 seconds")
      yield* kit.quiet
      assert.deepStrictEqual(yield* kit.state(actor, "ada"), Option.some(["stop", "x", "y"]))
    })
  )

  story("fires a timer once, also when nobody ran at its time", ({ actor }) =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      yield* kit.send(words, "ada", "later")
      yield* kit.quiet
      yield* TestClock.adjust("59 minutes")
      yield* kit.quiet
      assert.deepStrictEqual(yield* kit.state(actor, "ada"), Option.some(["later"]))
      yield* kit.crash(actor)
      yield* TestClock.adjust("2 minutes")
      yield* kit.quiet
      yield* TestClock.adjust("1 day")
      yield* kit.quiet
      assert.deepStrictEqual(yield* kit.state(actor, "ada"), Option.some(["later", "(late)"]))
    })
  )
})
