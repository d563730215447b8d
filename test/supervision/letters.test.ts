import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import { Actor, Actors, Kafka, Topic, Topology } from "../../src/index.ts"
import { Projection } from "../../src/projection/index.ts"
import { TestKit } from "../../src/testing/testKit.ts"

class Declined extends Schema.TaggedError<Declined>()("Declined", {}) {}

const words = Topic.make("words", { value: Schema.Int, partitions: 1 })
const view = Projection.make("view", {
  inbox: words,
  table: "words",
  create: () => Effect.void,
  apply: () => Effect.void
})
const mailer = Actor.make("mailer", { inbox: words, guarantee: "at-least-once" })
  .handle({ message: () => Effect.fail(new Declined()) })
  .errors({ Declined: "dead-letter" })

const count = (name: string) =>
  Actors.use((actors) => Effect.sync(() => actors.status().find((actor) => actor.name === name)!.deadLetters))

/** One that can be read and is declined, one that cannot. */
const written = Effect.gen(function* () {
  const kit = yield* TestKit
  const producer = yield* (yield* Kafka).producer
  const utf8 = new TextEncoder()
  yield* producer.send(
    ["1", "one"].map((value) => ({
      topic: "words",
      partition: 0,
      key: utf8.encode("ada"),
      value: utf8.encode(value),
      headers: [],
      timestamp: 0
    }))
  )
  yield* kit.quiet
})

describe.each([
  ["a projection", "view", "Projection", 1],
  ["an actor that handles at least once", "mailer", "AtLeastOnce", 2]
] as const)("dead letters of %s", (_, name, reason, letters) => {
  it.effect("are shown and discarded; a replay is refused with its reason, and they stay", () =>
    Effect.gen(function* () {
      yield* written
      const kit = yield* TestKit
      const { command, list, replayAll } = Option.getOrThrow((yield* Actors).letters(name))
      const before = (yield* list(undefined, 10)).letters
      assert.lengthOf(before, letters)
      assert.strictEqual(before.at(-1)!.value, "one")
      const [{ id }] = [before[0]!]
      assert.strictEqual((yield* Effect.flip(command({ op: "replay", id }))).reason, reason)
      assert.deepStrictEqual(yield* replayAll, { replayed: 0, refused: letters })
      assert.strictEqual(yield* count(name), letters)
      yield* command({ op: "discard", id })
      yield* kit.quiet
      yield* Effect.repeat(Effect.yieldNow, { times: 500 })
      assert.strictEqual(yield* count(name), letters - 1)
      assert.deepStrictEqual(
        (yield* list(undefined, 10)).letters.map(({ id }) => id),
        before.slice(1).map(({ id }) => id)
      )
      assert.strictEqual((yield* Effect.flip(command({ op: "discard", id: "0-99" }))).reason, "UnknownLetter")
    }).pipe(Effect.scoped, Effect.provide(TestKit.layer(Topology.make("test", view, mailer))))
  )
})
