import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, type Schema } from "effect"
import { TestClock } from "effect/testing"
import { outstandingJobs, retryLimit } from "../../../actors/config/settings.ts"
import { SiteConfig } from "../../../actors/config/site-config.ts"
import { contactsImport, outstandingJobs as defaultJobs } from "../../../actors/import/contacts-import.ts"
import { importJobs, imports, type Seal } from "../../../actors/import/topics.ts"
import { Unavailable } from "../../../actors/renewals/payments.ts"
import { renewals } from "../../../actors/renewals/renewals.ts"
import { charges, subscriptions } from "../../../actors/renewals/topics.ts"
import { Actor, Topology } from "../../../src/index.ts"
import { TestKit } from "../../../src/testing/index.ts"
import { gateway } from "../renewals/gateway.ts"

/** Writes an entry, and lets it come to the actors. */
const configure = Effect.fnUntraced(function* (key: string, value: Schema.Json) {
  yield* (yield* SiteConfig).put(key, value)
  yield* (yield* TestKit).quiet
})

describe("renewals.retry-limit", () => {
  const payments = gateway()
  payments.answers.before = Effect.fail(new Unavailable({ reason: "503" }))
  const shop = Topology.make("shop", SiteConfig, Actor.provide(retryLimit)(renewals))
  const kit = Layer.provideMerge(SiteConfig.layer, Layer.provide(TestKit.layer(shop), payments.layer))

  /** Subscribes a user for one due time, a day from now, and lets it fail for two days: attempts made until it was given up. */
  const attempts = Effect.fnUntraced(function* (userId: string) {
    const kit = yield* TestKit
    const terms = { plan: "p", amount: 1, currency: "EUR", renew: { every: "30 days" } }
    yield* kit.send(subscriptions, userId, { _tag: "Subscribe", ...terms })
    yield* kit.quiet
    for (const time of ["30 days", "10 seconds", "2 minutes", "1 hour", "8 hours", "8 hours"] as const) {
      yield* TestClock.adjust(time)
      yield* kit.quiet
    }
    yield* kit.send(subscriptions, userId, { _tag: "Cancel" })
    const records = yield* kit.read(charges)
    return records.flatMap(([key, value]) =>
      key === userId && value._tag === "Charge" && value.state === "failed" ? [value.attempts] : []
    )
  })

  it.effect("holds from the next attempt on; without it, or where it is none, the default does", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* attempts("before"), [6])
      yield* configure("renewals.retry-limit", 1)
      assert.deepStrictEqual(yield* attempts("one"), [2])
      yield* configure("renewals.retry-limit", 0)
      assert.deepStrictEqual(yield* attempts("none"), [1])
      yield* configure("renewals.retry-limit", "many")
      assert.deepStrictEqual(yield* attempts("text"), [6])
      yield* configure("renewals.retry-limit", 2)
      assert.deepStrictEqual(yield* attempts("two"), [3])
      yield* (yield* SiteConfig).delete("renewals.retry-limit")
      assert.deepStrictEqual(yield* attempts("deleted"), [6])
    }).pipe(Effect.provide(Layer.provideMerge(kit, Logger.layer([]))))
  )
})

describe("imports.outstanding", () => {
  const topology = Topology.make("imports", SiteConfig, Actor.provide(outstandingJobs)(contactsImport))
  const kit = Layer.provideMerge(SiteConfig.layer, TestKit.layer(topology))

  const claim = (row: number) => ({ partition: 0, offset: row, row, rows: 1 })
  const seal: Seal = {
    _tag: "Seal",
    seal: "018f0000-0000-7000-8000-000000000000",
    dialect: {
      delimiter: ",",
      terminator: "lf",
      encoding: "utf-8",
      columns: { email: [0], fullName: [], givenName: [], familyName: [], company: [], phone: [] }
    },
    parts: Array.from({ length: 60 }, (_, part) => claim(part + 2))
  }

  const [one, other] = ["01a210f6-1524-746a-b7fb-5cc7998ee2c4", "01a210f6-1526-74ff-996e-50e49632499a"]

  /** Parts of an import that were handed out so far. */
  const handedOut = Effect.fnUntraced(function* (importId: string) {
    const jobs = yield* (yield* TestKit).read(importJobs)
    return jobs.filter(([key]) => key.startsWith(importId)).length
  })
  const send = Effect.fnUntraced(function* (importId: string, message: (typeof imports)["~value"]) {
    const kit = yield* TestKit
    yield* kit.send(imports, importId, message)
    yield* kit.quiet
  })
  const ended = (part: number) => ({ _tag: "PartEnded", part, outcome: "completed" }) as const

  it.effect(
    "holds from the next part that ends on, also for an import that runs, and none hangs when it is lowered",
    () =>
      Effect.gen(function* () {
        yield* send(one, seal)
        assert.strictEqual(yield* handedOut(one), defaultJobs)
        yield* configure("imports.outstanding", 20)
        yield* send(one, ended(0))
        assert.strictEqual(yield* handedOut(one), 21)
        // Lowered: as many as there may be are out until enough have ended.
        yield* configure("imports.outstanding", 2)
        for (let part = 1; part <= 18; part++) yield* send(one, ended(part))
        assert.strictEqual(yield* handedOut(one), 21)
        yield* send(one, ended(19))
        assert.strictEqual(yield* handedOut(one), 22)
        // What is no number of parts leaves the default: nothing stops.
        yield* configure("imports.outstanding", 0)
        yield* send(other, seal)
        assert.strictEqual(yield* handedOut(other), defaultJobs)
      }).pipe(Effect.provide(Layer.provideMerge(kit, Logger.layer([]))))
  )

  it.effect("that cannot be used is told in the log, by its key", () => {
    const told: Array<string> = []
    const logger = Logger.make(({ message }) => told.push(String(message)))
    return configure("imports.outstanding", [8]).pipe(
      Effect.provide(Layer.provideMerge(kit, Logger.layer([logger]))),
      Effect.andThen(
        Effect.sync(() => {
          assert.strictEqual(
            told.filter((line) => line.includes("the entry imports.outstanding of site-config is not used")).length,
            1
          )
        })
      )
    )
  })
})
