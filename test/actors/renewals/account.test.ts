import { assert, it } from "@effect/vitest"
import { Schema } from "effect"
import { Account, fold } from "../../../actors/renewals/account.ts"
import type { ChargeRecord, Subscribed } from "../../../actors/renewals/topics.ts"

const subscription: Subscribed = {
  plan: "p",
  amount: 500,
  currency: "EUR",
  renew: { every: "30 days" },
  next: "2026-01-31T00:00:00.000Z"
}
const charge = (due: string, state: ChargeRecord["state"], attempts = 1): ChargeRecord => ({
  _tag: "Charge",
  due,
  state,
  attempts,
  amount: 500,
  currency: "EUR",
  idempotencyKey: due,
  subscription: { ...subscription, next: `${due}+1` }
})
const after = (...records: ReadonlyArray<Parameters<typeof fold>[1]>) =>
  records.reduce<Account | undefined>(fold, undefined)

it("shows a subscription with its next due time and no charges", () => {
  assert.deepStrictEqual(after({ _tag: "Scheduled", subscription }), { ...subscription, charges: [] })
})

it("shows each due time once, with its last state, over new terms", () => {
  const account = after(
    { _tag: "Scheduled", subscription },
    charge("a", "retrying"),
    charge("b", "charged"),
    charge("a", "charged", 2),
    { _tag: "Scheduled", subscription: { ...subscription, plan: "q" } }
  )
  assert.deepStrictEqual(account, {
    ...subscription,
    plan: "q",
    charges: [
      { due: "a", state: "charged", attempts: 2 },
      { due: "b", state: "charged", attempts: 1 }
    ]
  })
})

it("knows a subscription from any one record: the log may have forgotten the ones before", () => {
  assert.deepInclude(after(charge("a", "charged")), { plan: "p", next: "a+1" })
})

it("shows nothing after a cancel, and nothing of before when the user comes back", () => {
  const cancelled = [charge("a", "charged"), { _tag: "Cancelled" as const }]
  assert.strictEqual(after(...cancelled), undefined)
  assert.deepStrictEqual(after(...cancelled, { _tag: "Scheduled", subscription })?.charges, [])
})

it("stays bounded, and keeps the last charges", () => {
  const account = after(...Array.from({ length: 1_000 }, (_, i) => charge(String(i), "charged")))
  assert.strictEqual(account?.charges.length, 24)
  assert.strictEqual(account?.charges.at(-1)?.due, "999")
  assert.isAtMost(JSON.stringify(Schema.encodeSync(Account)(account!)).length, 4_096)
})
