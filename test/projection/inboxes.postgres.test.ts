import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { SqlClient } from "effect/sql"
import { siteProjector, installedAppsTable, findInstalledApps } from "../../actors/sites/installed-apps.ts"
import { siteMetadata, siteMetadataCdc } from "../../actors/sites/topics.ts"
import { importsView, findImport } from "../../actors/import/imports-view.ts"
import { importProgress, imports } from "../../actors/import/topics.ts"
import type { AnyProjection, Change } from "../../src/actor/projection.ts"
import * as Positions from "../../src/projection/positions.ts"
import { write } from "../../src/projection/write.ts"
import { database } from "./database.ts"

/** A process that has a partition of one of the projection's topics, and one batch from it: a record. */
const batch = Effect.fnUntraced(function* (
  projection: AnyProjection,
  { offset, topic, ...change }: Change<unknown, unknown>
) {
  const source = { topic, partition: 0, clusterId: "c", topicId: topic }
  const position = yield* Positions.claim(projection.name, source, offset)
  const stretch = { changes: [{ ...change, topic, offset }], records: [], refusals: [], next: offset + 1 }
  const target = { projection, id: projection.name, table: projection.definition.table, bury: () => Effect.void }
  return write(target, [{ position, stretch }])
})

const prepare = (projection: AnyProjection) =>
  Effect.andThen(
    Positions.createTables(),
    Positions.createOnce(
      projection.name,
      projection.definition.table,
      projection.definition.create(projection.definition.table)
    )
  )

describe("a projection of two topics, each read by another process,", () => {
  it.live("keeps what both say of one row, whoever comes first: nothing is lost, nothing is refused", () =>
    Effect.gen(function* () {
      yield* prepare(siteProjector)
      for (let round = 0; round < 40; round++) {
        const key = `s${round}`
        const [older, newer] = round % 2 === 0 ? [1, 2] : [2, 1]
        const plain = { owner: "ada", version: older, installedApps: ["plain"] }
        const after = { version: newer, installed_apps: ["cdc"] }
        const both = [
          yield* batch(siteProjector, { topic: siteMetadata.name, key, value: Option.some(plain), offset: round }),
          yield* batch(siteProjector, {
            topic: siteMetadataCdc.name,
            key,
            value: Option.some({ op: "c", after }),
            offset: round
          })
        ]
        yield* Effect.all(both, { concurrency: "unbounded" })
        const site = Option.getOrThrow(yield* findInstalledApps(key))
        assert.deepStrictEqual([site.version, JSON.parse(site.apps)], [2, newer === 2 ? ["cdc"] : ["plain"]], key)
      }
      // Each site has its own row and that of its one app, no more.
      const rows = yield* SqlClient.SqlClient.use((sql) => sql`SELECT 1 FROM ${sql(installedAppsTable)}`)
      assert.strictEqual(rows.length, 80)
    }).pipe(Effect.provide(database))
  )

  it.live("folds what both say of one row: an import keeps its split, whenever its seal comes", () =>
    Effect.gen(function* () {
      yield* prepare(importsView)
      const seal = { _tag: "Seal", seal: "", dialect: {}, parts: [] }
      for (let round = 0; round < 40; round++) {
        const key = `i${round}`
        const split = { _tag: "Split", parts: 3, rows: 30 }
        const both = [
          yield* batch(importsView, { topic: imports.name, key, value: Option.some(seal), offset: round }),
          yield* batch(importsView, { topic: importProgress.name, key, value: Option.some(split), offset: round })
        ]
        yield* Effect.all(round % 2 === 0 ? both : both.toReversed(), { concurrency: "unbounded" })
        assert.strictEqual(Option.getOrThrow(yield* findImport(key)).jobs.total, 3, key)
      }
    }).pipe(Effect.provide(database))
  )
})
