import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option } from "effect"
import { SqlClient } from "effect/sql"
import { findImport, importsTable, importsView } from "../../../actors/import/imports-view.ts"
import { importProgress, imports } from "../../../actors/import/topics.ts"
import type { AnyTopic } from "../../../src/index.ts"
import { database } from "../../projection/database.ts"

const { apply, create } = importsView.definition
const importId = "01900000-0000-7000-8000-000000000000"
const columns = { email: [0], fullName: [], givenName: [], familyName: [], company: [], phone: [] }
const dialect = { delimiter: ",", terminator: "lf", encoding: "utf-8", columns } as const

/** One batch in a transaction that stays open until `end`. */
const open = Effect.fnUntraced(function* (
  topic: AnyTopic,
  message: (typeof imports)["~value"] | (typeof importProgress)["~value"]
) {
  const [applied, end] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
  const sql = yield* SqlClient.SqlClient
  const change = { topic: topic.name, key: importId, value: Option.some(message), offset: 0 }
  const batch = Effect.andThen(apply(importsTable, [change]), Deferred.succeed(applied, undefined))
  const fiber = yield* Effect.forkChild(sql.withTransaction(Effect.andThen(batch, Deferred.await(end))))
  return { applied: Deferred.await(applied), end: Effect.andThen(Deferred.succeed(end, undefined), Fiber.join(fiber)) }
})

const seal = open(imports, { _tag: "Seal", seal: importId, dialect, parts: [] })
const split = open(importProgress, { _tag: "Split", parts: 3, rows: 30 })

const total = Effect.map(findImport(importId), (found) => Option.map(found, ({ jobs }) => jobs.total))

describe("an import whose topics are read by two processes", () => {
  for (const [name, first, second] of [
    ["seal", seal, split],
    ["split", split, seal]
  ] as const) {
    it.live(`keeps what the other has written, the ${name} first`, () =>
      Effect.gen(function* () {
        yield* create(importsTable)
        // The second begins while nobody sees what the first has written.
        const one = yield* first
        yield* one.applied
        const two = yield* second
        yield* one.end
        yield* two.end
        assert.deepStrictEqual(yield* total, Option.some(3))
      }).pipe(Effect.provide(database))
    )
  }
})
