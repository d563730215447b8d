import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { ask, becomes, browser, get, named, next, records, told, until, World } from "./world.ts"

interface Charge {
  readonly _tag: string
  readonly due: string
  readonly state: string
  readonly idempotencyKey: string
}

/** What the log says of a user, in order. */
const logged = (userId: string) =>
  Effect.map(records("charges"), (all) =>
    all
      .filter(({ key }) => Buffer.from(key!).toString() === userId)
      .map(({ value }) => JSON.parse(Buffer.from(value!).toString()) as Charge)
  )

const terms = (every: string) => ({ plan: "pro", amount: 1_000, currency: "EUR", renew: { every } })

/** The states of all attempts to charge a user, in order. */
const of = (userId: string) =>
  Effect.map(logged(userId), (log) => log.filter(({ _tag }) => _tag === "Charge").map(({ state }) => state))

/** The states of a user's last charges, as the view shows them. */
const states = (userId: string) =>
  Effect.map(get(`/subscriptions/${userId}`), (account) =>
    ((account?.charges ?? []) as ReadonlyArray<Charge>).map(({ state }) => state)
  )
const setLimit = (limit: number) =>
  until(ask("PUT", "/config/renewals.retry-limit", { body: limit }), ({ status }) => status < 300)

/**
 * Users subscribe and forget. Each due time is charged once, whoever is away at that moment; where the payment service is, it
 * is asked again under the same key; a card that is declined costs that charge and not the subscription; and who cancels is not
 * asked for money again, also between two tries.
 */
export const renewals = Effect.gen(function* () {
  const { payments, size, trouble } = yield* World
  const client = yield* browser
  const [steady, flaky, broke, patient] = [named("steady"), named("flaky"), named("broke"), named("patient")]
  payments.decide(flaky, () => 503)
  payments.decide(broke, (before) => (before === 0 ? 402 : 200))
  payments.decide(patient, () => 503)
  const subscribe = (userId: string, every: string) =>
    told("PUT", `/subscriptions/${userId}?channel=${client.channel.id}`, terms(every))
  yield* subscribe(steady, "2 seconds")
  yield* subscribe(flaky, "2 seconds")
  yield* subscribe(broke, "2 seconds")
  yield* subscribe(patient, "2 seconds")
  yield* trouble

  // The first try of one fails; it is charged all the same, and what came due meanwhile after it.
  yield* until(of(flaky), (all) => all.includes("retrying"))
  payments.decide(flaky, () => 200)
  yield* until(states(flaky), (all) => all.filter((state) => state === "charged").length >= 2)
  yield* trouble
  yield* until(of(broke), (all) => all[0] === "failed" && all.includes("charged"))
  yield* until(states(steady), (all) => all.filter((state) => state === "charged").length >= 3 * size)

  // A cancel stands behind no retry.
  yield* until(states(patient), (all) => all.includes("retrying"))
  for (const userId of [steady, flaky, broke, patient]) {
    yield* told("DELETE", `/subscriptions/${userId}`)
    yield* becomes(`/subscriptions/${userId}`, undefined)
  }

  for (const userId of [steady, flaky, broke, patient]) {
    const log = yield* logged(userId)
    assert.deepStrictEqual(
      log.map(({ _tag }) => _tag).filter((_, n) => n === 0 || n === log.length - 1),
      ["Scheduled", "Cancelled"],
      userId
    )
    const tries = log.filter(({ _tag }) => _tag === "Charge")
    const over = tries.filter(({ state }) => state !== "retrying")
    // Each due time has one end, in order, whole seconds apart; its key is its own.
    const due = over.map(({ due }) => Date.parse(due))
    assert.deepStrictEqual(
      due,
      [...new Set(due)].toSorted((a, b) => a - b),
      userId
    )
    for (const at of due) assert.strictEqual((at - due[0]!) % 2_000, 0, userId)
    assert.strictEqual(new Set(over.map(({ idempotencyKey }) => idempotencyKey)).size, over.length)
    // What was charged was paid under that key, and nothing else was paid, but for what a kill and the cancel came between.
    const paid = new Set(
      payments.calls.filter((call) => call.userId === userId && call.status === 200).map(({ key }) => decodeURI(key))
    )
    const charged = over.filter(({ state }) => state === "charged").map(({ idempotencyKey }) => idempotencyKey)
    for (const key of charged) assert.isTrue(paid.has(key), key)
    assert.isAtMost(paid.size - charged.length, 1, userId)
  }
  assert.strictEqual((yield* of(flaky))[0], "retrying")
  assert.strictEqual((yield* of(broke))[0], "failed")
  assert.notInclude(yield* of(patient), "charged")
  assert.include(yield* of(patient), "cancelled")

  // Who follows heard of each charge once: as the log has it, without the cancelled ones.
  const expected = (yield* logged(steady)).filter(({ state }) => state === "charged").map(({ due }) => due)
  const heard: Array<string> = []
  while (heard.length < expected.length) heard.push((yield* next(client, (event) => event.userId === steady)).due)
  assert.deepStrictEqual(heard, expected)

  // How often is tried again is an entry of the configuration, which holds from the next try on.
  yield* setLimit(0)
  const hasty = named("hasty")
  payments.decide(hasty, () => 503)
  yield* subscribe(hasty, "2 seconds")
  yield* until(states(hasty), (all) => all.length > 0)
  assert.strictEqual((yield* of(hasty))[0], "failed")
  const dead = yield* records("renewals.dead-letters")
  assert.isAtLeast(dead.filter(({ key }) => Buffer.from(key!).toString() === hasty).length, 1)
  yield* told("DELETE", `/subscriptions/${hasty}`)
  yield* until(ask("DELETE", "/config/renewals.retry-limit"), ({ status }) => status === 200)
})
