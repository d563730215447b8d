import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { Actor, Topic, Topology } from "../../src/index.ts"
import { Projection } from "../../src/projection/index.ts"
import { simulate } from "../../src/testing/index.ts"
import type { Scenario } from "../../src/testing/index.ts"

/** A payment service: it may be called twice for one payment, with the same idempotency key. */
class Payments extends Context.Service<Payments, { pay(key: string, amount: number): void }>()("test/Payments") {}

const payments = Topic.make("payments", { value: Schema.Int, partitions: 2 })
const payer = Actor.make("payer", { inbox: payments, state: Schema.Int, initial: 0 }).handle({
  message: Effect.fnUntraced(function* (total, amount, turn) {
    const service = yield* Payments
    service.pay(turn.idempotencyKey, amount)
    yield* Effect.sleep("100 millis")
    return total + amount
  })
})

const users = ["ada", "bob", "eve"]

/** What was sent, what the state says, and what the service was paid, whether or not it looks at idempotency keys. */
const scenario = (isIdempotent: boolean) => (): Scenario => {
  const seen = new Set<string>()
  const sent = new Map(users.map((user) => [user, 0]))
  let paid = 0
  const service = Layer.succeed(
    Payments,
    Payments.of({
      pay: (key, amount) => {
        if (isIdempotent && seen.has(key)) return
        seen.add(key)
        paid += amount
      }
    })
  )
  return {
    topology: Topology.provide(service)(Topology.make("shop", payer)),
    send: (world, draw) => {
      const [user, amount] = [draw.pick(users), 1 + draw.below(9)]
      sent.set(user, sent.get(user)! + amount)
      return world.send(payments, user, amount)
    },
    check: Effect.fnUntraced(function* (world) {
      const wrong: Array<string> = []
      for (const user of users) {
        const total = Option.getOrElse(yield* world.state(payer, user), () => 0)
        if (total !== sent.get(user)) wrong.push(`${user}'s total is ${total}, not ${sent.get(user)}`)
      }
      const due = [...sent.values()].reduce((sum, each) => sum + each, 0)
      return paid === due ? wrong : [...wrong, `paid ${paid} of ${due}`]
    })
  }
}

class Declined extends Schema.TaggedError<Declined>()("Declined", {}) {}
const accepted = Topic.make("accepted", { value: Schema.Int, partitions: 1 })
/** Accepts what is small; the rest are dead letters, also when they are replayed. */
const gate = Actor.make("gate", { inbox: payments, emits: [accepted] })
  .handle({
    message: (_, amount, turn) => (amount > 5 ? new Declined() : turn.emit(accepted, turn.key, amount))
  })
  .errors({ Declined: "dead-letter" })
const totals = Projection.make("totals", {
  inbox: accepted,
  table: "totals",
  create: (table) =>
    SqlClient.SqlClient.use((sql) => sql`CREATE TABLE ${sql(table)} (id text PRIMARY KEY, total integer)`),
  apply: Effect.fnUntraced(function* (table, changes) {
    const sql = yield* SqlClient.SqlClient
    for (const { key: id, value } of changes) {
      yield* sql`INSERT INTO ${sql(table)} ${sql.insert({ id, total: Option.getOrThrow(value) })}
        ON CONFLICT (id) DO UPDATE SET total = ${sql(table)}.total + excluded.total`
    }
  })
})

/** Its operator replays or discards what has been declined; the table has the sum of what was accepted. */
const operated = (seen: { replayed: number }) => (): Scenario => {
  const sent = new Map(users.map((user) => [user, 0]))
  return {
    topology: Topology.make("gated", gate, totals),
    send: Effect.fnUntraced(function* (world, draw) {
      const [user, amount, op] = [draw.pick(users), 1 + draw.below(9), draw.pick(["replay", "discard"] as const)]
      if (amount <= 5) sent.set(user, sent.get(user)! + amount)
      yield* world.send(payments, user, amount)
      const [letter] = draw.chance(0.5) ? yield* world.letters(gate) : []
      if (letter === undefined) return
      seen.replayed = Math.max(seen.replayed, letter.replays)
      yield* Effect.ignore(world.letter(gate, letter.id, op))
    }),
    check: Effect.fnUntraced(function* ({ sql }) {
      const rows = yield* sql<{ id: string; total: number }>`SELECT id, total FROM totals`
      const found = new Map(rows.map(({ id, total }) => [id, total]))
      return users.flatMap((user) =>
        (found.get(user) ?? 0) === sent.get(user) ? [] : [`${user} has ${found.get(user)}, not ${sent.get(user)}`]
      )
    })
  }
}

describe("simulate, for a topology of one's own", () => {
  it.live(
    "has what operators do with dead letters, and the tables of projections in a database that fails, too",
    () =>
      Effect.gen(function* () {
        const seen = { replayed: 0 }
        const { faults } = yield* simulate(operated(seen), { seeds: 10 })
        assert.isAbove(seen.replayed, 0)
        for (const kind of ["operator: replay", "operator: discard", "sql: request lost", "logs compacted"]) {
          assert.isAbove(faults.get(kind) ?? 0, 0, kind)
        }
      }),
    240_000
  )

  it.live(
    "passes where the outside is idempotent, and says what it tried",
    () =>
      Effect.gen(function* () {
        const { faults, seeds } = yield* simulate(scenario(true), { seeds: 10 })
        assert.strictEqual(seeds, 10)
        assert.isAbove(faults.get("process killed") ?? 0, 0)
      }),
    240_000
  )

  it.live(
    "finds an effect outside of the log that takes place twice, and the seed that it names fails again in the same way",
    () =>
      Effect.gen(function* () {
        const failed = yield* Effect.flip(simulate(scenario(false), { seeds: 20 }))
        assert.match(failed.violations.join(), /^paid \d+ of \d+$/)
        assert.include(failed.message, `{ first: ${failed.seed}, seeds: 1 }`)
        const again = yield* Effect.flip(simulate(scenario(false), { first: failed.seed, seeds: 1 }))
        assert.deepStrictEqual(again.story, failed.story)
        assert.deepStrictEqual(again.violations, failed.violations)
      }),
    240_000
  )
})
