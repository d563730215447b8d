import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { Declined, Unavailable } from "../../../actors/renewals/payments.ts"
import { renewals, RetryLimit } from "../../../actors/renewals/renewals.ts"
import { charges, type Subscribe, subscriptions } from "../../../actors/renewals/topics.ts"
import { Topic, Topology } from "../../../src/index.ts"
import { TestKit } from "../../../src/testing/testKit.ts"
import { gateway } from "./gateway.ts"

const deadLetters = Topic.bytes("renewals.dead-letters")
const statuses = Topic.bytes("status")

const subscribe: Subscribe = {
  _tag: "Subscribe",
  plan: "p",
  amount: 500,
  currency: "EUR",
  renew: { every: "1 day" },
  channel: "c"
}
const down = Effect.fail(new Unavailable({ reason: "503" }))
/** The key of the n-th due time. */
const day = (n: 1 | 2) => `renewals/ada/due/1970-01-0${n + 1}T00:00:00.000Z`

const story = <A, E>(
  name: string,
  body: (given: ReturnType<typeof gateway>, kit: TestKit["Service"]) => Effect.Effect<A, E, TestKit>
) =>
  it.effect(name, () => {
    const payments = gateway()
    return Effect.gen(function* () {
      return yield* body(payments, yield* TestKit)
    }).pipe(Effect.provide(TestKit.layer(Topology.make("shop", renewals)).pipe(Layer.provide(payments.layer))))
  })

/** Lets time pass, and everything happen that then can. */
const pass = Effect.fnUntraced(function* (time: Parameters<typeof TestClock.adjust>[0]) {
  yield* TestClock.adjust(time)
  yield* (yield* TestKit).quiet
})

/** What was written about one user's charges: state, attempts and due time of each. */
const written = Effect.fnUntraced(function* (userId = "ada") {
  const records = yield* (yield* TestKit).read(charges)
  return records.flatMap(([key, value]) =>
    key === userId && value._tag === "Charge" ? [`${value.state} ${value.attempts} ${value.due.slice(0, 10)}`] : []
  )
})

const reported = Effect.fnUntraced(function* () {
  const records = yield* (yield* TestKit).read(statuses)
  return records.map(([, value]) => JSON.parse(new TextDecoder().decode(value)) as unknown)
})

describe("a subscription", () => {
  story("is charged once for each due time, not before it, and tells its channel", (payments, kit) =>
    Effect.gen(function* () {
      yield* kit.send(subscriptions, "ada", subscribe)
      yield* kit.quiet
      yield* pass("23 hours")
      assert.deepStrictEqual(payments.calls, [])
      yield* pass("1 hour")
      yield* pass("1 day")
      assert.deepStrictEqual(
        payments.calls.map(({ key }) => key),
        [day(1), day(2)]
      )
      assert.deepStrictEqual(yield* written(), ["charged 1 1970-01-02", "charged 1 1970-01-03"])
      assert.deepStrictEqual((yield* reported())[0], {
        kind: "renewal",
        userId: "ada",
        state: "charged",
        attempt: 1,
        due: "1970-01-02T00:00:00.000Z"
      })
    })
  )

  story("tells when it renews next, from the first record on", (_, kit) =>
    Effect.gen(function* () {
      yield* kit.send(subscriptions, "ada", subscribe)
      yield* kit.quiet
      yield* pass("1 day")
      const next = (yield* kit.read(charges)).map(([, value]) =>
        value._tag === "Cancelled" ? null : value.subscription.next
      )
      assert.deepStrictEqual(next, ["1970-01-02T00:00:00.000Z", "1970-01-03T00:00:00.000Z"])
    })
  )

  story("does not drift: a charge that comes late leaves the next due time where it was", (payments, kit) =>
    Effect.gen(function* () {
      yield* kit.send(subscriptions, "ada", subscribe)
      yield* kit.quiet
      payments.answers.before = down
      yield* pass("1 day")
      yield* pass("30 seconds")
      payments.answers.before = Effect.void
      yield* pass("2 hours")
      yield* pass("22 hours")
      assert.deepStrictEqual([...payments.charged.keys()], [day(1), day(2)])
    })
  )

  story("that is cancelled is charged no more, and forgotten", (payments, kit) =>
    Effect.gen(function* () {
      yield* kit.send(subscriptions, "ada", subscribe)
      yield* kit.quiet
      yield* pass("25 hours")
      yield* kit.send(subscriptions, "ada", { _tag: "Cancel" })
      yield* pass("3 days")
      assert.strictEqual(payments.calls.length, 1)
      assert.deepStrictEqual(yield* kit.state(renewals, "ada"), Option.none())
      assert.strictEqual((yield* kit.read(charges)).at(-1)?.[1]._tag, "Cancelled")
    })
  )

  story("that nobody has is cancelled without a trace", (_, kit) =>
    Effect.gen(function* () {
      yield* kit.send(subscriptions, "ada", { _tag: "Cancel" })
      yield* kit.quiet
      assert.deepStrictEqual(yield* kit.read(charges), [])
      assert.deepStrictEqual(yield* kit.state(renewals, "ada"), Option.none())
    })
  )
})

describe("new terms", () => {
  story("hold from the next due time, which stays: no period is charged twice or skipped", (payments, kit) =>
    Effect.gen(function* () {
      yield* kit.send(subscriptions, "ada", subscribe)
      yield* kit.quiet
      yield* pass("23 hours")
      for (let i = 0; i < 3; i++) yield* kit.send(subscriptions, "ada", { ...subscribe, plan: "q", amount: 900 })
      yield* pass("2 hours")
      yield* kit.send(subscriptions, "ada", { ...subscribe, amount: 100 })
      yield* pass("22 hours")
      assert.deepStrictEqual([...payments.charged], [[day(1), 900]])
      yield* pass("1 hour")
      assert.deepStrictEqual(
        [...payments.charged],
        [
          [day(1), 900],
          [day(2), 100]
        ]
      )
    })
  )

  story("do not touch a charge that is being retried: it may have been made", (payments, kit) =>
    Effect.gen(function* () {
      yield* kit.send(subscriptions, "ada", subscribe)
      yield* kit.quiet
      payments.answers.afterwards = down
      yield* pass("1 day")
      yield* kit.send(subscriptions, "ada", { ...subscribe, amount: 900, renew: { every: "7 hours" } })
      yield* kit.quiet
      payments.answers.afterwards = Effect.void
      yield* pass("1 minute")
      assert.deepStrictEqual(
        payments.calls.map(({ amount, key }) => [key, amount]),
        [
          [day(1), 500],
          [day(1), 500]
        ]
      )
      yield* pass("7 hours")
      assert.strictEqual(payments.calls.at(-1)?.amount, 900)
      assert.strictEqual(payments.charged.size, 2)
    })
  )

  story("with a schedule that has come due already do not charge at once", (payments, kit) =>
    Effect.gen(function* () {
      yield* kit.send(subscriptions, "ada", subscribe)
      yield* kit.quiet
      yield* pass("1 day")
      const from = "1970-01-02T00:00:00Z"
      yield* kit.send(subscriptions, "ada", { ...subscribe, renew: { every: "12 hours", from } })
      yield* kit.quiet
      assert.strictEqual(payments.calls.length, 1)
      yield* pass("12 hours")
      assert.strictEqual(payments.calls.at(-1)?.key, "renewals/ada/due/1970-01-02T12:00:00.000Z")
    })
  )
})

describe("a charge that cannot be made", () => {
  story("is retried with one key, later and later, and the due time is charged once", (payments, kit) =>
    Effect.gen(function* () {
      yield* kit.send(subscriptions, "ada", subscribe)
      yield* kit.quiet
      payments.answers.afterwards = down // made, but the answer is lost
      yield* pass("1 day")
      yield* pass("5 seconds")
      yield* pass("1 second")
      payments.answers.afterwards = Effect.void
      yield* pass("72 seconds")
      assert.deepStrictEqual(new Set(payments.calls.map(({ key }) => key)), new Set([day(1)]))
      assert.strictEqual(payments.charged.size, 1)
      assert.deepStrictEqual(yield* written(), [
        "retrying 1 1970-01-02",
        "retrying 2 1970-01-02",
        "charged 3 1970-01-02"
      ])
      assert.deepStrictEqual(
        (yield* reported()).map((event) => (event as { state: string }).state),
        ["retrying", "retrying", "charged"]
      )
    })
  )

  story("waits as long as the payment service asks", (payments, kit) =>
    Effect.gen(function* () {
      yield* kit.send(subscriptions, "ada", subscribe)
      yield* kit.quiet
      payments.answers.before = Effect.fail(new Unavailable({ reason: "429", retryAfter: 3_600 }))
      yield* pass("1 day")
      payments.answers.before = Effect.void
      yield* pass("59 minutes")
      assert.strictEqual(payments.calls.length, 1)
      yield* pass("14 minutes")
      assert.strictEqual(payments.calls.length, 2)
    })
  )

  story("never holds up a cancel, which ends it", (payments, kit) =>
    Effect.gen(function* () {
      yield* kit.send(subscriptions, "ada", subscribe)
      yield* kit.quiet
      payments.answers.before = down
      yield* pass("1 day")
      yield* kit.send(subscriptions, "ada", { _tag: "Cancel" })
      yield* kit.quiet // the clock stands still
      assert.deepStrictEqual(yield* kit.state(renewals, "ada"), Option.none())
      payments.answers.before = Effect.void
      yield* pass("2 days")
      assert.strictEqual(payments.calls.length, 1)
      assert.deepStrictEqual(yield* written(), ["retrying 1 1970-01-02", "cancelled 1 1970-01-02"])
    })
  )

  story("is a dead letter at once where it is declined; the next period is charged", (payments, kit) =>
    Effect.gen(function* () {
      yield* kit.send(subscriptions, "ada", subscribe)
      yield* kit.quiet
      payments.answers.before = Effect.fail(new Declined({ reason: "402" }))
      yield* pass("1 day")
      assert.deepStrictEqual(yield* written(), ["failed 1 1970-01-02"])
      assert.deepStrictEqual(
        (yield* kit.read(deadLetters)).map(([key]) => key),
        ["ada"]
      )
      assert.deepInclude((yield* reported())[0], { state: "failed", attempt: 1 })
      payments.answers.before = Effect.void
      yield* pass("1 day")
      assert.deepStrictEqual([...payments.charged.keys()], [day(2)])
    })
  )

  story("is a dead letter when the retries are used up", (payments, kit) =>
    Effect.gen(function* () {
      yield* kit.send(subscriptions, "ada", subscribe)
      yield* kit.quiet
      payments.answers.before = down
      yield* pass("1 day")
      yield* pass("23 hours")
      const all = yield* written()
      assert.strictEqual(all.length, 6)
      assert.strictEqual(all.at(-1), "failed 6 1970-01-02")
      assert.strictEqual((yield* kit.read(deadLetters)).length, 1)
    })
  )

  story("is a dead letter when the payment port itself is broken; the next period is charged", (payments, kit) =>
    Effect.gen(function* () {
      yield* kit.send(subscriptions, "ada", subscribe)
      yield* kit.quiet
      payments.answers.before = Effect.die(new Error("a bug"))
      yield* pass("1 day")
      yield* pass("1 minute")
      assert.deepStrictEqual(yield* written(), ["failed 3 1970-01-02"])
      payments.answers.before = Effect.void
      yield* pass("1 day")
      assert.deepStrictEqual([...payments.charged.keys()], [day(2)])
    })
  )

  story("keeps the due times after it waiting, each of which then has its turn, in order", (payments, kit) =>
    Effect.gen(function* () {
      yield* kit.send(subscriptions, "ada", { ...subscribe, renew: { every: "2 seconds" } })
      yield* kit.quiet
      payments.answers.before = down
      for (let i = 0; i < 3; i++) yield* pass("2 seconds")
      assert.strictEqual(payments.calls.length, 1)
      payments.answers.before = Effect.void
      yield* pass("2 seconds")
      const made = [...payments.charged.keys()].map((key) => key.slice(-"00:02.000Z".length))
      assert.deepStrictEqual(made, ["00:02.000Z", "00:04.000Z", "00:06.000Z", "00:08.000Z"])
    })
  )

  it.effect("is retried as often as the limit says at that moment", () => {
    const payments = gateway()
    let limit = 5
    return Effect.gen(function* () {
      const kit = yield* TestKit
      yield* kit.send(subscriptions, "ada", subscribe)
      yield* kit.quiet
      payments.answers.before = down
      yield* pass("1 day")
      limit = 1
      yield* pass("1 minute")
      assert.deepStrictEqual(yield* written(), ["retrying 1 1970-01-02", "failed 2 1970-01-02"])
    }).pipe(
      Effect.provide(
        TestKit.layer(
          Topology.provide(
            Layer.succeed(
              RetryLimit,
              Effect.sync(() => limit)
            )
          )(Topology.make("shop", renewals))
        ).pipe(Layer.provide(payments.layer))
      )
    )
  })
})

describe("a crash", () => {
  story(
    "between the charge and its settlement asks again with the same key, and writes it down once",
    (payments, kit) =>
      Effect.gen(function* () {
        yield* kit.send(subscriptions, "ada", subscribe)
        yield* kit.quiet
        payments.answers.afterwards = Effect.never
        yield* pass("1 day")
        assert.strictEqual(payments.charged.size, 1)
        payments.answers.afterwards = Effect.void
        yield* kit.crash(renewals)
        yield* kit.quiet
        yield* pass("1 hour")
        assert.deepStrictEqual(
          payments.calls.map(({ key }) => key),
          [day(1), day(1)]
        )
        assert.deepStrictEqual(yield* written(), ["charged 1 1970-01-02"])
      })
  )

  story("between retries keeps the key, the count and the wait", (payments, kit) =>
    Effect.gen(function* () {
      yield* kit.send(subscriptions, "ada", subscribe)
      yield* kit.quiet
      payments.answers.before = down
      yield* pass("1 day")
      yield* kit.crash(renewals)
      yield* kit.quiet
      yield* pass("4 seconds")
      assert.strictEqual(payments.calls.length, 1)
      payments.answers.before = Effect.void
      yield* pass("2 seconds")
      assert.deepStrictEqual(yield* written(), ["retrying 1 1970-01-02", "charged 2 1970-01-02"])
      assert.deepStrictEqual([...payments.charged.keys()], [day(1)])
    })
  )
})

it.effect("a command that makes no sense is a dead letter and changes nothing", () => {
  const payments = gateway()
  return Effect.gen(function* () {
    const kit = yield* TestKit
    yield* kit.send(subscriptions, "ada", subscribe)
    const anything = Topic.bytes("subscriptions")
    const bad = [
      "null",
      "not JSON",
      "{}",
      JSON.stringify({ ...subscribe, amount: -1 }),
      JSON.stringify({ ...subscribe, renew: { every: "1 millis" } }),
      JSON.stringify({ ...subscribe, renew: { cron: "0 0 30 2 *", timezone: "UTC" } }),
      JSON.stringify({ ...subscribe, channel: "a/b" })
    ]
    for (const text of bad) yield* kit.send(anything, "ada", new TextEncoder().encode(text))
    yield* kit.quiet
    assert.strictEqual((yield* kit.read(deadLetters)).length, bad.length)
    yield* pass("1 day")
    assert.deepStrictEqual([...payments.charged], [[day(1), 500]])
  }).pipe(Effect.provide(TestKit.layer(Topology.make("shop", renewals)).pipe(Layer.provide(payments.layer))))
})
