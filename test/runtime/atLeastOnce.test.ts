import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Actor, Topic, Topology } from "../../src/index.ts"
import { EmbeddedBroker } from "../../src/kafka/embedded/embedded.ts"
import { KafkaError } from "../../src/kafka/errors.ts"
import { TestClock } from "effect/testing"
import { TestKit } from "../../src/testing/testKit.ts"

class Declined extends Schema.TaggedError<Declined>()("Declined", {}) {}
const words = Topic.make("words", { value: Schema.String, partitions: 2 })
const shouts = Topic.make("shouts", { value: Schema.String, partitions: 2 })

const undecided = Actor.make("shouter", { inbox: words, emits: [shouts], guarantee: "at-least-once" }).handle({
  message: Effect.fnUntraced(function* (_, word, turn) {
    if (word === "no") return yield* new Declined()
    if (word === "bug") return yield* Effect.die(new Error("a bug"))
    yield* turn.emit(shouts, turn.key, word.toUpperCase())
  })
})
const actor = undecided.errors({ Declined: "dead-letter" })
const running = Effect.provide(TestKit.layer(Topology.make("test", actor)))

describe("an actor that handles at least once", () => {
  it.effect("commits without any transaction, and goes on from there after a crash", () =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      const broker = yield* EmbeddedBroker
      const kinds = new Set<string>()
      yield* broker.control.intercept(({ kind }) => Effect.sync(() => (kinds.add(kind), "pass" as const)))
      for (const word of ["a", "b"]) yield* kit.send(words, "ada", word)
      yield* kit.quiet
      yield* kit.crash(actor)
      yield* kit.send(words, "ada", "c")
      yield* kit.quiet
      assert.deepStrictEqual(
        (yield* kit.read(shouts)).map(([, value]) => value),
        ["A", "B", "C"]
      )
      assert.isFalse(kinds.has("end") || kinds.has("init"), [...kinds].join())
    }).pipe(running)
  )

  it.effect("repeats what it is not sure of, and loses nothing", () =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      const broker = yield* EmbeddedBroker
      let failures = 2
      const away = new KafkaError({ reason: "Unavailable", message: "the coordinator is loading" })
      yield* broker.control.intercept(({ kind }) =>
        Effect.sync(() => (kind === "commit" && failures-- > 0 ? { error: away } : "pass"))
      )
      yield* kit.send(words, "ada", "a")
      yield* kit.quiet
      yield* TestClock.adjust("1 second")
      yield* kit.quiet
      const read = (yield* kit.read(shouts)).map(([, value]) => value)
      assert.deepStrictEqual(read, ["A", "A", "A"])
    }).pipe(running)
  )

  it.effect("sends what fails to the dead letters at once, and never parks", () =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      for (const word of ["no", "bug", "a"]) yield* kit.send(words, "ada", word)
      yield* kit.quiet
      const letters = Topic.make("shouter.dead-letters", { value: Schema.String, partitions: 2 })
      assert.deepStrictEqual(
        (yield* kit.read(letters)).map(([, value]) => value),
        ["no", "bug"]
      )
      assert.deepStrictEqual((yield* kit.read(shouts)).length, 1)
    }).pipe(running)
  )

  it("is not for actors with state or timers, and can neither retry nor hold: the compiler refuses", () => {
    const guarantee = "at-least-once"
    // @ts-expect-error state needs a transaction
    Actor.make("a", { inbox: words, state: Schema.Int, initial: 0, guarantee })
    // @ts-expect-error so do timers
    Actor.make("a", { inbox: words, timers: ["later"], guarantee })
    // @ts-expect-error a held message would have to be stored
    undecided.errors({ Declined: "hold" })
    // @ts-expect-error and so would one that is retried
    undecided.errors({ Declined: { retry: { base: "1 second" }, then: "dead-letter" } })
  })
})
