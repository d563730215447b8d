import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Result } from "effect"
import { SqlClient } from "effect/sql"
import { installedAppsTable, siteProjector } from "../../../actors/sites/installed-apps.ts"
import type { AnyTopic } from "../../../src/index.ts"
import { database } from "../../projection/database.ts"
import { cdc, plain, type Sent, siteOf, sitesOf } from "./world.ts"

const { apply, create } = siteProjector.definition
const utf8 = new TextEncoder()

const decoded = ({ codec }: AnyTopic, value: unknown): unknown =>
  Result.getOrThrow(codec.decodeValue(utf8.encode(JSON.stringify(value))))

/** One batch, as a replica would give it. */
const told = (...records: ReadonlyArray<Sent>) =>
  SqlClient.SqlClient.use((sql) =>
    sql.withTransaction(
      apply(
        installedAppsTable,
        records.map(({ key, topic, value }, offset) => ({
          topic: topic.name,
          key: Result.getOrThrow(topic.codec.decodeKey(utf8.encode(key))),
          value: value === null ? Option.none() : Option.some(decoded(topic, value)),
          offset
        }))
      )
    )
  )

const apps = (siteId: string) => Effect.map(siteOf(siteId), Option.getOrUndefined)

describe("installed apps in PostgreSQL", () => {
  it.effect("go by the greatest version, over batches, deletes and late records", () =>
    Effect.gen(function* () {
      yield* create(installedAppsTable)
      yield* told(plain("s1", 1, ["shop", "blog"]), cdc("c", "s2", 7, ["blog"]))
      yield* told(plain("s1", 3, ["blog", "mail"]), plain("s1", 2, ["late"]), cdc("u", "s2", 7, ["again"]))
      assert.deepStrictEqual(yield* apps("s1"), { siteId: "s1", version: 3, apps: ["blog", "mail"] })
      assert.deepStrictEqual(yield* apps("s2"), { siteId: "s2", version: 7, apps: ["blog"] })
      assert.deepStrictEqual(yield* sitesOf("blog", "", 10), ["s1", "s2"])
      assert.deepStrictEqual(yield* sitesOf("blog", "s1", 10), ["s2"])
      yield* told(cdc("d", "s2", 7))
      yield* told(cdc("u", "s2", 7, ["late"]), plain("s1", Number.MAX_SAFE_INTEGER, ["shop"]))
      assert.strictEqual(yield* apps("s2"), undefined)
      assert.deepStrictEqual(yield* apps("s1"), { siteId: "s1", version: Number.MAX_SAFE_INTEGER, apps: ["shop"] })
      assert.deepStrictEqual(yield* sitesOf("blog", "", 10), [])
    }).pipe(Effect.provide(database))
  )

  it.effect("takes more sites at once than a statement has parameters for", () =>
    Effect.gen(function* () {
      yield* create(installedAppsTable)
      const ids = Array.from({ length: 3_000 }, (_, n) => `s${String(n).padStart(4, "0")}`)
      const some = Array.from({ length: 30 }, (_, n) => `app${n}`)
      yield* told(...ids.map((id) => plain(id, 1, some)))
      yield* told(...ids.map((id) => plain(id, 2, some.slice(1))))
      assert.strictEqual((yield* sitesOf("app7", "", 5_000)).length, ids.length)
      assert.deepStrictEqual(yield* sitesOf("app0", "", 5_000), [])
    }).pipe(Effect.provide(database))
  )
})
