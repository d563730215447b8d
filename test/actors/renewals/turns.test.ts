import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Unavailable } from "../../../actors/renewals/payments.ts"
import { renewals } from "../../../actors/renewals/renewals.ts"
import type { Subscribe } from "../../../actors/renewals/topics.ts"
import { turn } from "../../../src/testing/turn.ts"
import { gateway } from "./gateway.ts"

const subscribe: Subscribe = {
  _tag: "Subscribe",
  plan: "p",
  amount: 500,
  currency: "EUR",
  renew: { every: "1 day" }
}

it.effect("what came due before new terms arrived, and had no turn yet, is charged on the old ones", () => {
  const payments = gateway()
  return Effect.gen(function* () {
    yield* TestClock.adjust("25 hours")
    const state = { terms: subscribe, since: 0, takenUntil: 0, pending: [], failed: [] }
    for (const renew of [subscribe.renew, { every: "7 days" }]) {
      const message = { ...subscribe, amount: 900, renew }
      const outcome = yield* turn(renewals, { key: "ada", state, message })
      const due = 86_400_000
      assert.deepStrictEqual(outcome.state?.pending, [
        { due, idempotencyKey: "renewals/ada/due/1970-01-02T00:00:00.000Z", amount: 500, currency: "EUR", attempts: 0 }
      ])
      assert.deepStrictEqual(outcome.timers["retry"], { after: 0 })
      assert.isAbove(outcome.state?.takenUntil ?? 0, due, "the timer does not take it again")
    }
  }).pipe(Effect.provide(payments.layer))
})

it.effect("a cancel leaves no timer behind", () => {
  const payments = gateway()
  return Effect.gen(function* () {
    const state = { terms: subscribe, since: 0, takenUntil: 0, pending: [], failed: [] }
    const outcome = yield* turn(renewals, { key: "ada", state, message: { _tag: "Cancel" } })
    assert.deepStrictEqual(outcome.timers, { due: "cancelled", retry: "cancelled" })
    assert.strictEqual(outcome.state, null)
  }).pipe(Effect.provide(payments.layer))
})

describe("the replay of a dead letter", () => {
  const letter = (name: string) => `renewals/ada/${name}/1970-01-01T00:00:00.000Z`
  const charge = (n: 1 | 2) => ({ due: n, idempotencyKey: `key ${n}`, amount: n * 100, currency: "EUR", attempts: 6 })
  const state = (pending: ReadonlyArray<ReturnType<typeof charge>> = []) => ({
    terms: subscribe,
    since: 0,
    takenUntil: 5_000,
    pending,
    failed: [
      { letter: letter("due"), charge: charge(1) },
      { letter: letter("retry"), charge: charge(2) }
    ]
  })

  for (const [timer, n] of [
    ["due", 1],
    ["retry", 2]
  ] as const) {
    it.effect(`of the timer ${timer} tries the charge that became it, with its key and amount, and no other`, () => {
      const payments = gateway()
      return Effect.gen(function* () {
        const outcome = yield* turn(renewals, { key: "ada", timer, state: state() })
        assert.deepStrictEqual([...payments.charged], [[`key ${n}`, n * 100]])
        assert.strictEqual(outcome.verdict, "settled")
        assert.deepStrictEqual(
          outcome.state?.failed.map(({ letter }) => letter),
          [letter(n === 1 ? "retry" : "due")]
        )
      }).pipe(Effect.provide(payments.layer))
    })
  }

  it.effect("fails as it did before where it still cannot be charged, and may be replayed again", () => {
    const payments = gateway()
    payments.answers.before = Effect.fail(new Unavailable({ reason: "503" }))
    return Effect.gen(function* () {
      const outcome = yield* turn(renewals, { key: "ada", timer: "retry", state: state() })
      assert.strictEqual(outcome.verdict, "dead-letter")
      assert.deepStrictEqual(outcome.state?.failed.at(-1), {
        letter: letter("retry"),
        charge: { ...charge(2), attempts: 7 }
      })
      assert.deepStrictEqual(outcome.state?.pending, [])
    }).pipe(Effect.provide(payments.layer))
  })

  it.effect("waits behind a charge that is being retried", () => {
    const payments = gateway()
    return Effect.gen(function* () {
      const outcome = yield* turn(renewals, { key: "ada", timer: "due", state: state([charge(2)]) })
      assert.deepStrictEqual(payments.calls, [])
      assert.deepStrictEqual(outcome.state?.pending, [charge(2), charge(1)])
    }).pipe(Effect.provide(payments.layer))
  })
})
