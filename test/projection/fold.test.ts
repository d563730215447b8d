import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, Option, Result, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { Topic } from "../../src/index.ts"
import { Projection } from "../../src/projection/index.ts"
import { database } from "./database.ts"

const amounts = Topic.make("amounts", { value: Schema.Union([Schema.Int, Schema.Literal("forget")]) })

/** A sum by key; who forgets has none. */
const sums = Projection.fold("sums", {
  inbox: amounts,
  table: "sums",
  state: Schema.Struct({ sum: Schema.BigInt }),
  fold: (before, { value }) => {
    if (Option.isNone(value)) return undefined
    if (value.value === "forget") return undefined
    if (value.value === -1) throw new Error("unlucky")
    return value.value === 0 ? before : { sum: (before?.sum ?? 0n) + BigInt(value.value) }
  }
})

const { apply, create, table } = sums.definition
const change = (key: string, value: number | "forget" | null) => ({
  topic: amounts.name,
  key,
  value: Option.fromNullOr(value),
  offset: 0
})
const sumOf = (key: string) =>
  Effect.map(sums.find(key), (found) => Option.getOrUndefined(Option.map(found, ({ sum }) => sum)))

const story = <A, E>(name: string, body: Effect.Effect<A, E, SqlClient.SqlClient>) =>
  it.effect(name, () =>
    Effect.andThen(create(table), body).pipe(Effect.provide([database, Logger.layer([])]), Effect.orDie)
  )

describe("a projection that is a fold", () => {
  story(
    "keeps a row for each key, over batches",
    Effect.gen(function* () {
      yield* apply(table, [change("a", 1), change("b", 10), change("a", 2)])
      yield* apply(table, [change("a", 3)])
      assert.deepStrictEqual([yield* sumOf("a"), yield* sumOf("b"), yield* sumOf("c")], [6n, 10n, undefined])
    })
  )

  story(
    "has no row of a key whose state is undefined, also where it comes and goes within a batch",
    Effect.gen(function* () {
      yield* apply(table, [change("a", 1), change("b", 1), change("c", 1)])
      yield* apply(table, [
        change("a", "forget"),
        change("b", null),
        change("d", 1),
        change("d", "forget"),
        change("c", 1)
      ])
      const found = yield* SqlClient.SqlClient.use((sql) => sql`SELECT key FROM sums`)
      assert.deepStrictEqual(found, [{ key: "c" }])
      yield* apply(table, [change("a", 7)])
      assert.strictEqual(yield* sumOf("a"), 7n)
    })
  )

  story(
    "takes more keys than a statement has parameters",
    Effect.gen(function* () {
      const keys = Array.from({ length: 70_000 }, (_, n) => `k${n}`)
      for (let times = 0; times < 2; times++)
        yield* apply(
          table,
          keys.map((key, n) => change(key, n + 1))
        )
      for (const n of [0, 999, 1_000, 69_999]) assert.strictEqual(yield* sumOf(`k${n}`), BigInt(2 * (n + 1)))
    })
  )

  story(
    "writes nothing where the fold gives back what it was given",
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* apply(table, [change("a", 1)])
      // Were it written, it would be as a sum is.
      yield* sql`UPDATE sums SET state = ${'{ "sum": "1" }'}`
      yield* apply(table, [change("a", 0)])
      assert.deepStrictEqual(yield* sql`SELECT state FROM sums`, [{ state: '{ "sum": "1" }' }])
    })
  )

  story(
    "dies of a fold that throws, and of a row that its schema cannot read: the record, or the table, is to blame",
    Effect.gen(function* () {
      const died = (effect: typeof apply) =>
        Effect.result(Effect.catchDefect(effect(table, [change("a", -1)]), Effect.fail))
      assert.isTrue(Result.isFailure(yield* died(apply)))
      yield* SqlClient.SqlClient.use((sql) => sql`INSERT INTO sums (key, state) VALUES ('a', '"what?"')`)
      assert.isTrue(Result.isFailure(yield* Effect.result(Effect.catchDefect(sums.find("a"), Effect.fail))))
    })
  )
})
