import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option } from "effect"
import type { Scope } from "effect"
import { SqlClient } from "effect/sql"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { fold } from "../../../actors/renewals/account.ts"
import { renewalRoutes } from "../../../actors/renewals/routes.ts"
import { subscriptionsView } from "../../../actors/renewals/subscriptions-view.ts"
import type { Subscribed } from "../../../actors/renewals/topics.ts"
import { Sqlite } from "../../../src/projection/index.ts"
import { Log } from "../../../src/runtime/log.ts"
import { ChannelKeys } from "../../../src/status/channelKeys.ts"
import { Channels } from "../../../src/status/channels.ts"
import { exchange, head, serving, tag } from "../../http/wire.ts"

const keys = { current: new Uint8Array(32), accepted: [new Uint8Array(32)] }
const channels = Layer.provide(Channels.layer, Layer.succeed(ChannelKeys, keys))

/** The routes with an empty view, and a log that only remembers. */
const world = Effect.gen(function* () {
  const appended: Array<readonly [key: unknown, value: unknown]> = []
  const log = Log.of({
    append: (topic, key, value) =>
      Effect.sync(() => {
        appended.push([key, value])
        return { topic: topic.name, partition: 0, offset: appended.length }
      }),
    read: () => Effect.succeed(Option.none())
  })
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "renewals-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const services = yield* Layer.build(Layer.merge(channels, Sqlite.layer(join(directory, "views.db"))))
  yield* Effect.provideContext(subscriptionsView.definition.create(subscriptionsView.definition.table), services)
  const { port } = yield* serving(renewalRoutes).pipe(Effect.provideContext(Context.add(services, Log, log)))
  const ask = (method: string, path: string, body?: string, type = "application/json") => {
    const lines = body === undefined ? [] : [`Content-Type: ${type}`, `Content-Length: ${Buffer.byteLength(body)}`]
    return exchange(port, `${head(port, method, path, ...lines)}${body ?? ""}`)
  }
  return { appended, ask, services }
})

const terms = { plan: "p", amount: 1_000, currency: "EUR", renew: { every: "30 days" } }
const put = JSON.stringify(terms)

const story = <A, E>(name: string, body: (given: Effect.Success<typeof world>) => Effect.Effect<A, E, Scope.Scope>) =>
  it.effect(name, () => Effect.flatMap(world, body))

describe("PUT /subscriptions/{userId}", () => {
  story("subscribes the user, and reports to a channel that was given out", ({ appended, ask, services }) =>
    Effect.gen(function* () {
      const { channel } = yield* Effect.flatMap(Channels, ({ create }) => create).pipe(Effect.provideContext(services))
      assert.strictEqual((yield* ask("PUT", "/subscriptions/ada", put)).status, 202)
      const answer = yield* ask("PUT", `/subscriptions/a%2Fd%20a?channel=${channel}`, put)
      assert.strictEqual(answer.status, 202)
      assert.deepStrictEqual(JSON.parse(answer.body), { userId: "a/d a", channel })
      assert.deepStrictEqual(appended, [
        ["ada", { _tag: "Subscribe", ...terms }],
        ["a/d a", { _tag: "Subscribe", ...terms, channel }]
      ])
    })
  )

  const bad: ReadonlyArray<readonly [what: string, body: string]> = [
    ["no JSON", "{"],
    ["nothing", ""],
    ["null", "null"],
    ["a list", "[]"],
    ["no plan", JSON.stringify({ ...terms, plan: undefined })],
    ["an empty plan", JSON.stringify({ ...terms, plan: "" })],
    ["an endless plan", JSON.stringify({ ...terms, plan: "x".repeat(201) })],
    ["an amount of nothing", JSON.stringify({ ...terms, amount: 0 })],
    ["a negative amount", JSON.stringify({ ...terms, amount: -1 })],
    ["half a cent", JSON.stringify({ ...terms, amount: 0.5 })],
    ["an amount no number can hold", put.replace("1000", "9007199254740993")],
    ["an amount as text", JSON.stringify({ ...terms, amount: "1000" })],
    ["an infinite amount", put.replace("1000", "1e999")],
    ["a currency that is none", JSON.stringify({ ...terms, currency: "euro" })],
    ["no schedule", JSON.stringify({ ...terms, renew: {} })],
    ["a period of nothing", JSON.stringify({ ...terms, renew: { every: "0 seconds" } })],
    ["a cron expression that is none", JSON.stringify({ ...terms, renew: { cron: "x", timezone: "UTC" } })],
    ["a time zone that is none", JSON.stringify({ ...terms, renew: { cron: "0 3 1 * *", timezone: "Mars/X" } })],
    ["two schedules", JSON.stringify({ ...terms, renew: { every: "1 day", cron: "0 3 1 * *", timezone: "UTC" } })]
  ]
  for (const [what, body] of bad) {
    story(`refuses ${what}, and changes nothing`, ({ appended, ask }) =>
      Effect.gen(function* () {
        const answer = yield* ask("PUT", "/subscriptions/ada", body)
        assert.deepStrictEqual([answer.status, tag(answer)], [400, "InvalidRequest"])
        assert.deepStrictEqual(appended, [])
      })
    )
  }

  story(
    "refuses a form, another type, a body over the limit, a foreign channel and an endless id",
    ({ appended, ask }) =>
      Effect.gen(function* () {
        const statuses = [
          yield* ask("PUT", "/subscriptions/ada", put, "text/csv"),
          yield* ask("PUT", "/subscriptions/ada", put, "application/x-www-form-urlencoded"),
          yield* ask("PUT", "/subscriptions/ada", JSON.stringify({ ...terms, plan: "x".repeat(1_100_000) })),
          yield* ask("PUT", "/subscriptions/ada?channel=mine", put),
          yield* ask("PUT", "/subscriptions/ada?channel=a&channel=b", put),
          yield* ask("PUT", `/subscriptions/${"a".repeat(257)}`, put),
          yield* ask("DELETE", `/subscriptions/${"a".repeat(257)}`),
          yield* ask("PUT", "/subscriptions/%0A", put),
          yield* ask("POST", "/subscriptions/ada", put)
        ].map(({ status }) => status)
        assert.deepStrictEqual(statuses, [415, 415, 413, 403, 403, 400, 400, 400, 405])
        assert.deepStrictEqual(appended, [])
      })
  )
})

describe("DELETE /subscriptions/{userId}", () => {
  story("cancels, also what the view does not know yet", ({ appended, ask }) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* ask("DELETE", "/subscriptions/ada")).status, 202)
      assert.deepStrictEqual(appended, [["ada", { _tag: "Cancel" }]])
    })
  )
})

describe("GET /subscriptions/{userId}", () => {
  const subscription: Subscribed = { ...terms, next: "2026-01-31T00:00:00.000Z" }
  const charge = {
    _tag: "Charge",
    due: "2026-01-01T00:00:00.000Z",
    state: "charged",
    attempts: 2,
    amount: 1_000,
    currency: "EUR",
    idempotencyKey: "k",
    subscription
  } as const
  const change = (key: string, value: Parameters<typeof fold>[1], offset: number) => ({
    topic: "charges",
    key,
    value: Option.some(value),
    offset
  })

  story("shows what the view has folded, over batches, until the user cancels", ({ ask, services }) =>
    Effect.gen(function* () {
      const apply = (...changes: ReadonlyArray<ReturnType<typeof change>>) =>
        Effect.provideContext(subscriptionsView.definition.apply(subscriptionsView.definition.table, changes), services)
      yield* apply(change("ada", { _tag: "Scheduled", subscription }, 0), change("bob", charge, 1))
      yield* apply(change("ada", charge, 2), change("bob", { _tag: "Cancelled" }, 3))
      const ada = yield* ask("GET", "/subscriptions/ada")
      assert.strictEqual(ada.status, 200)
      assert.deepStrictEqual(JSON.parse(ada.body), {
        userId: "ada",
        ...subscription,
        charges: [{ due: charge.due, state: "charged", attempts: 2 }]
      })
      const bob = yield* ask("GET", "/subscriptions/bob")
      assert.deepStrictEqual([bob.status, tag(bob)], [404, "UnknownSubscription"])
      yield* apply(change("ada", { _tag: "Cancelled" }, 4))
      assert.strictEqual((yield* ask("GET", "/subscriptions/ada")).status, 404)
      const rows = yield* Effect.provideContext(
        SqlClient.SqlClient.use((sql) => sql`SELECT * FROM ${sql(subscriptionsView.definition.table)}`),
        services
      )
      assert.deepStrictEqual(rows, [])
    })
  )
})
