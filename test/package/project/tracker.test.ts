import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { turn } from "sixfold/testing"
import { NoAnswer, Texts } from "./texts.ts"
import { tracker } from "./tracker.ts"

const broken = Layer.succeed(Texts, { send: () => Effect.fail(new NoAnswer({ message: "busy" })) })

it.effect("says where a parcel is, and waits two hours for the next scan", () =>
  Effect.gen(function* () {
    const outcome = yield* turn(tracker, { key: "p-1", message: { place: "depot" } })
    assert.deepStrictEqual(outcome.emitted, [{ topic: "whereabouts", key: "p-1", value: { place: "depot", seen: 1 } }])
    assert.deepStrictEqual(outcome.timers, { silence: { after: "2 hours" } })
    assert.deepStrictEqual(outcome.state, { seen: 1 })
  }).pipe(Effect.provide(Texts.logged))
)

it.effect("leaves nothing behind while the recipient cannot be told", () =>
  Effect.gen(function* () {
    const outcome = yield* turn(tracker, { key: "p-1", state: { seen: 4 }, message: { place: "door" } })
    assert.strictEqual(outcome.verdict, "parked")
    assert.deepStrictEqual(outcome.emitted, [])
    assert.deepStrictEqual(outcome.state, { seen: 4 })
  }).pipe(Effect.provide(broken))
)
