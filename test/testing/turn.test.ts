import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Actor, Topic } from "../../src/index.ts"
import { turn } from "../../src/testing/turn.ts"

class Declined extends Schema.TaggedError<Declined>()("Declined", { reason: Schema.String }) {}
class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", {}) {}

const orders = Topic.make("orders", { value: Schema.Struct({ amount: Schema.Int }) })
const charges = Topic.make("charges", { value: Schema.Struct({ user: Schema.String, total: Schema.Int }) })
const large = Topic.make("large", { value: Schema.String, maxMessageBytes: 1_000 })

const Total = Schema.Struct({ total: Schema.Int, letters: Schema.Array(Schema.String) })

const shop = Actor.make("shop", {
  inbox: orders,
  state: Total,
  initial: { total: 0, letters: [] },
  timers: ["remind"]
})
  .handle({
    message: Effect.fnUntraced(function* (state, { amount }, turn) {
      yield* turn.emit(charges, turn.key, { user: turn.key, total: state.total + amount })
      yield* turn.set("remind", { after: "1 day" })
      if (amount === 1) return yield* new Declined({ reason: "one" })
      if (amount === 2) return yield* new Unavailable()
      if (amount === 3) return yield* Effect.die(new Error("three"))
      if (amount === 4) yield* turn.emit(large, "k", "x".repeat(1_001))
      if (amount === 5) return { ...state, total: 0.5 }
      yield* turn.report("c1", { kind: "order", total: amount })
      return { ...state, total: state.total + amount }
    }),
    timer: {
      remind: Effect.fnUntraced(function* (state, turn) {
        yield* turn.cancel("remind")
        return { ...state, total: 0 }
      })
    },
    deadLetter: (state, letter) => Effect.succeed({ ...state, letters: [...state.letters, letter.cause] })
  })
  .errors({
    Declined: "dead-letter",
    Unavailable: {
      retry: { base: "1 second", times: 2 },
      onRetry: (state, _, turn) => turn.report("c1", { kind: "order", state: "retrying" }).pipe(Effect.as(state)),
      then: "hold"
    }
  })

describe("turn", () => {
  it.effect("answers what would be settled: the state, the outputs, the statuses and the timers", () =>
    Effect.gen(function* () {
      const outcome = yield* turn(shop, { key: "ada", state: { total: 10, letters: [] }, message: { amount: 7 } })
      assert.deepStrictEqual(outcome, {
        state: { total: 17, letters: [] },
        emitted: [{ topic: "charges", key: "ada", value: { user: "ada", total: 17 } }],
        reported: [{ channel: "c1", event: { kind: "order", total: 7 } }],
        timers: { remind: { after: "1 day" } },
        verdict: "settled"
      })
    })
  )

  it.effect("leaves nothing of a failed attempt behind, and settles the dead letter's own turn", () =>
    Effect.gen(function* () {
      const outcome = yield* turn(shop, { key: "ada", message: { amount: 1 } })
      assert.deepStrictEqual(outcome.emitted, [])
      assert.deepStrictEqual(outcome.timers, {})
      assert.strictEqual(outcome.verdict, "dead-letter")
      assert.deepStrictEqual(outcome.state, { total: 0, letters: [outcome.cause!] })
    })
  )

  it.effect("parks while there are retries, with a turn of its own, and then gives up as decided", () =>
    Effect.gen(function* () {
      const second = yield* turn(shop, { key: "ada", message: { amount: 2 }, attempt: 2 })
      assert.strictEqual(second.verdict, "parked")
      assert.deepStrictEqual(second.reported, [{ channel: "c1", event: { kind: "order", state: "retrying" } }])
      const third = yield* turn(shop, { key: "ada", message: { amount: 2 }, attempt: 3 })
      assert.strictEqual(third.verdict, "hold")
      assert.deepStrictEqual(third.reported, [])
    })
  )

  for (const [amount, what] of [
    [3, "a defect"],
    [4, "a record over its topic's limit"],
    [5, "a state that breaks its schema"]
  ] as const) {
    it.effect(`counts ${what} as a failed attempt: two retries, then a dead letter`, () =>
      Effect.gen(function* () {
        const state = { total: 3, letters: [] }
        const verdicts = yield* Effect.forEach([1, 2, 3], (attempt) =>
          Effect.map(turn(shop, { key: "ada", message: { amount }, state, attempt }), ({ verdict }) => verdict)
        )
        assert.deepStrictEqual(verdicts, ["parked", "parked", "dead-letter"])
      })
    )
  }

  it.effect("runs a timer's handler by its name", () =>
    Effect.gen(function* () {
      const outcome = yield* turn(shop, { key: "ada", state: { total: 5, letters: [] }, timer: "remind" })
      assert.deepStrictEqual(outcome.timers, { remind: "cancelled" })
      assert.strictEqual(outcome.state.total, 0)
    })
  )
})
