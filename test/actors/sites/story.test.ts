import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Option } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { installedAppsTable, siteProjector } from "../../../actors/sites/installed-apps.ts"
import { siteMetadataCdc } from "../../../actors/sites/topics.ts"
import { EmbeddedBroker } from "../../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../../src/kafka/kafka.ts"
import { rebuild } from "../../../src/projection/rebuild.ts"
import { TestKit } from "../../../src/testing/index.ts"
import { random } from "../import/random.ts"
import { cdc, cdcNull, plain, send, type Sent, siteOf, sitesOf, topology, withSchemas } from "./world.ts"

const story = <A, E>(name: string, body: Effect.Effect<A, E, TestKit | Kafka | EmbeddedBroker | SqlClient.SqlClient>) =>
  it.effect(name, () => body.pipe(Effect.provide(Layer.merge(TestKit.layer(topology), Logger.layer([])))))

/** Sends, and waits until all of it is in the table. */
const told = (...records: ReadonlyArray<Sent>) =>
  Effect.andThen(
    send(...records),
    TestKit.use(({ quiet }) => quiet)
  )

const apps = (siteId: string) =>
  Effect.map(
    siteOf(siteId),
    Option.match({ onNone: () => "unknown", onSome: ({ apps, version }) => `v${version}: ${apps.join(" ")}`.trim() })
  )

const deadLetters = Effect.gen(function* () {
  const kafka = yield* Kafka
  let count = 0
  for (let partition = 0; partition < 12; partition++) {
    count += yield* kafka.topics.endOffset({ topic: "site-projector.dead-letters", partition })
  }
  return count
})

describe("the story of a site", () => {
  story(
    "its apps are those of its latest version, until it is deleted",
    Effect.gen(function* () {
      yield* told()
      assert.strictEqual(yield* apps("s1"), "unknown")
      yield* told(plain("s1", 1, ["shop", "blog"]), plain("s2", 1, ["blog"]))
      assert.strictEqual(yield* apps("s1"), "v1: shop blog")
      assert.deepStrictEqual(yield* sitesOf("blog", "", 10), ["s1", "s2"])
      yield* told(plain("s1", 2, ["shop"]))
      assert.strictEqual(yield* apps("s1"), "v2: shop")
      assert.deepStrictEqual(yield* sitesOf("blog", "", 10), ["s2"])
      yield* told(plain("s1", 3))
      assert.strictEqual(yield* apps("s1"), "v3:")
      yield* told(plain("s1", null))
      assert.strictEqual(yield* apps("s1"), "unknown")
      assert.deepStrictEqual(yield* sitesOf("shop", "", 10), [])
    })
  )

  story(
    "a connector tells it as well: snapshot, inserts, updates, deletes and the nulls after them, with schemas and without",
    Effect.gen(function* () {
      for (const [id, form] of [["a", (sent: Sent) => sent] as const, ["b", withSchemas] as const]) {
        yield* told(form(cdc("r", id, 1, ["shop"])))
        assert.strictEqual(yield* apps(id), "v1: shop")
        yield* told(form(cdc("u", id, 2, ["shop", "blog"])))
        assert.strictEqual(yield* apps(id), "v2: shop blog")
        yield* told(form(cdc("d", id, 2)), cdcNull(id))
        assert.strictEqual(yield* apps(id), "unknown")
        yield* told(form(cdc("c", id, 3, ["blog"])))
        assert.strictEqual(yield* apps(id), "v3: blog")
      }
      assert.strictEqual(yield* deadLetters, 0)
    })
  )

  story(
    "its keys may be plain, and its apps JSON in a text column",
    Effect.gen(function* () {
      const { value } = cdc("c", "s", 1)
      const after = { site_id: "s", owner: "ada", version: 1, installed_apps: '["shop"]' }
      const as = (key: string): Sent => ({ topic: siteMetadataCdc, key, value: { ...(value as object), after } })
      yield* told(as("s1"), as('"s2"'), as("33"), as('{"schema":null,"payload":"s4"}'), as('{"site_id":55}'))
      for (const id of ["s1", "s2", "33", "s4", "55"]) assert.strictEqual(yield* apps(id), "v1: shop", id)
    })
  )
})

describe("a flood of records that nobody could read out of a table", () => {
  story(
    "becomes dead letters, and the next site is told as ever",
    Effect.gen(function* () {
      const flood = Array.from({ length: 150 }, (_, n) => [
        plain(`app${n}`, 1, ["a\0"]),
        plain(`half${n}`, 1, ["\ud800", "\ud801"]),
        plain(`key${n}\0`, 1, ["shop"]),
        cdc("c", `key${n}\0`, 1, ["shop"])
      ])
      yield* told(...flood.flat(), plain("s1", 1, ["shop"]))
      assert.strictEqual(yield* apps("s1"), "v1: shop")
      assert.strictEqual(yield* deadLetters, 600)
    })
  )
})

describe("a rebuild", () => {
  story(
    "answers the same, also from a log that was compacted, and goes on",
    Effect.gen(function* () {
      yield* told(plain("s1", 1, ["a"]), plain("s2", 1, ["a"]), plain("s3", 1, ["a"]), cdc("c", "s4", 1, ["a"]))
      yield* told(plain("s1", 2, ["b", "a"]), plain("s2", null), cdc("d", "s4", 1), cdc("r", "s5", 9, ["b"]))
      const answers = Effect.gen(function* () {
        const sites = yield* Effect.forEach(["s1", "s2", "s3", "s4", "s5"], apps)
        return [sites, yield* sitesOf("a", "", 10), yield* sitesOf("b", "", 10)]
      })
      const before = yield* answers
      assert.deepStrictEqual(before, [
        ["v2: b a", "unknown", "v1: a", "unknown", "v9: b"],
        ["s1", "s3"],
        ["s1", "s5"]
      ])
      const { control } = yield* EmbeddedBroker
      yield* control.clean
      yield* SqlClient.SqlClient.use((sql) => sql`DELETE FROM ${sql(installedAppsTable)} WHERE site_id <> 's3'`)
      yield* rebuild(siteProjector, () => undefined)
      assert.deepStrictEqual(yield* answers, before)
      yield* told(plain("s1", 1, ["late"]), plain("s1", 3, ["new"]), cdc("u", "s5", 8, ["late"]))
      assert.strictEqual(yield* apps("s1"), "v3: new")
      assert.strictEqual(yield* apps("s5"), "v9: b")
    })
  )
})

describe("what comes late or again", () => {
  story(
    "a lower version and the same one change nothing",
    Effect.gen(function* () {
      yield* told(plain("s", 5, ["new"]))
      yield* told(plain("s", 4, ["old"]), plain("s", 5, ["other"]), cdc("u", "s", 5, ["other"]), cdc("d", "s", 4))
      assert.strictEqual(yield* apps("s"), "v5: new")
    })
  )

  story(
    "does not bring a deleted site back, though its delete came first",
    Effect.gen(function* () {
      yield* told(cdc("d", "s", 3))
      yield* told(cdc("c", "s", 1, ["old"]), cdc("u", "s", 3, ["old"]))
      assert.strictEqual(yield* apps("s"), "unknown")
      const sql = yield* SqlClient.SqlClient
      const rows = yield* sql`SELECT version, apps FROM ${sql(installedAppsTable)}`
      assert.deepStrictEqual(
        rows.map((row) => ({ ...row })),
        [{ version: 3, apps: null }]
      )
    })
  )

  story(
    "a connector that begins again from an older place leaves the site as it is",
    Effect.gen(function* () {
      const log = [cdc("c", "s", 1, ["a"]), cdc("d", "s", 1), cdcNull("s"), cdc("c", "s", 2, ["b"])]
      yield* told(...log)
      yield* told(...log.slice(1, 3))
      assert.strictEqual(yield* apps("s"), "v2: b")
      yield* told(...log)
      assert.strictEqual(yield* apps("s"), "v2: b")
    })
  )
})

describe("what cannot be projected", () => {
  story(
    "is a dead letter, and holds nobody up",
    Effect.gen(function* () {
      const bad: ReadonlyArray<Sent> = [
        { ...plain("s", 1), value: "no site" },
        { ...plain("s", 1), value: { owner: "ada", version: -1, installedApps: [] } },
        { ...plain("s", 1), value: { owner: "ada", version: 1.5, installedApps: [] } },
        { ...plain("s", 1), value: { owner: "ada", version: 1, installedApps: [""] } },
        { ...plain("s", 1), value: { owner: "ada", version: 1, installedApps: [7] } },
        { ...plain("s", 1), value: { owner: "ada", version: 1 } },
        { ...cdc("c", "s", 1), value: { op: "c", before: null, after: null } },
        { ...cdc("c", "s", 1), value: { op: "t" } },
        { ...cdc("c", "s", 1), value: { payload: { op: "x" } } },
        { ...cdc("c", "s", 1), key: '{"other":1}' },
        { ...cdc("c", "s", 1), key: "{}" },
        { ...cdc("c", "s", 1), key: "[]" },
        { ...cdc("c", "s", 1), key: "" }
      ]
      yield* told(...bad, plain("s", 1, ["shop"]))
      assert.strictEqual(yield* apps("s"), "v1: shop")
      assert.strictEqual(yield* deadLetters, bad.length)
    })
  )
})

describe("any log", () => {
  it.effect("gives the same table in one batch or many, whatever crashes between", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 12; seed++) {
        const next = random(seed)
        const site = () => `s${next(4)}`
        const some = () => ["a", "b", "c", "d"].filter(() => next(2) === 0)
        // Sites of one source each: between two topics there is no order.
        const log = Array.from({ length: 60 }, (): Sent => {
          const [id, version] = [site(), next(12)]
          if (id < "s2") return next(8) === 0 ? plain(id, null) : plain(id, version, some())
          const op = (["c", "u", "r", "d"] as const)[next(4)]!
          return next(8) === 0 ? cdcNull(id) : cdc(op, id, version, op === "d" ? [] : some())
        })
        const tableAfter = (crashes: boolean) =>
          Effect.gen(function* () {
            const kit = yield* TestKit
            for (let at = 0; at < log.length;) {
              const length = crashes ? 1 + next(9) : log.length
              yield* send(...log.slice(at, at + length))
              at += length
              if (!crashes) continue
              yield* Effect.repeat(Effect.yieldNow, { times: next(60) })
              if (next(2) === 0) yield* kit.crash(siteProjector)
            }
            yield* kit.quiet
            yield* TestClock.adjust("2 minutes")
            yield* kit.quiet
            const sql = yield* SqlClient.SqlClient
            const rows = yield* sql`SELECT * FROM ${sql(installedAppsTable)} ORDER BY site_id, app_id`
            return rows.map((row) => ({ ...row }))
          }).pipe(Effect.provide(Layer.merge(TestKit.layer(topology), Logger.layer([]))))
        const calm = yield* tableAfter(false)
        assert.isAbove(calm.length, 3)
        assert.deepStrictEqual(yield* tableAfter(true), calm, `seed ${seed}`)
      }
    })
  )
})
