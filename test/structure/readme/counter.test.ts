import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { turn } from "sixfold/testing"
import { counter } from "./counter.ts"

it.effect("announces the hundredth visit, together with the count", () =>
  Effect.gen(function* () {
    const outcome = yield* turn(counter, { key: "ada", state: { visits: 99 }, message: { page: "/" } })
    assert.deepStrictEqual(outcome.state, { visits: 100 })
    assert.deepStrictEqual(outcome.emitted, [{ topic: "milestones", key: "ada", value: { visits: 100 } }])
  })
)
