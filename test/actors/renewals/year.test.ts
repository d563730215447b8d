import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { subscriptions } from "../../../actors/renewals/topics.ts"
import { Log } from "../../../src/runtime/log.ts"
import { gateway } from "./gateway.ts"
import { broker, start } from "./world.ts"
import { year } from "./year.ts"

it.effect(
  "a year of monthly renewals charges each user once for each month, over crashes, outages and lost answers",
  () =>
    Effect.gen(function* () {
      const { calls, charged, problems } = yield* year({ users: 2_000, seed: 1, runs: 20 })
      assert.deepStrictEqual(problems.slice(0, 5), [])
      assert.isAtLeast(charged, 24_000)
      assert.isAbove(calls, charged, "the year had its failures")
    }).pipe(Effect.provide(broker)),
  240_000
)

it.effect(
  "an outage of many periods is caught up with once, by the first that was missed; then the schedule goes on",
  () =>
    Effect.gen(function* () {
      const payments = gateway()
      const first = yield* start(payments.layer, 5)
      yield* (yield* Log).append(subscriptions, "ada", {
        _tag: "Subscribe",
        plan: "p",
        amount: 500,
        currency: "EUR",
        renew: { every: "1 hour" }
      })
      yield* first.quiet
      yield* first.stop
      yield* TestClock.setTime(10.5 * 3_600_000)
      const second = yield* start(payments.layer, 5)
      yield* second.pass("10 minutes")
      assert.deepStrictEqual([...payments.charged.keys()], ["renewals/ada/due/1970-01-01T01:00:00.000Z"])
      yield* second.pass("20 minutes")
      assert.strictEqual([...payments.charged.keys()].at(-1), "renewals/ada/due/1970-01-01T11:00:00.000Z")
      yield* second.stop
    }).pipe(Effect.provide(broker))
)
