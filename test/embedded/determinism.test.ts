import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Random } from "effect"
import { TestClock } from "effect/testing"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join as path } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import type { ProducerRecord } from "../../src/kafka/records.ts"
import { join } from "../contract/membership.ts"
import type { Observed } from "../contract/membership.ts"

const partitions = 3

/** Ten seconds, in steps that let everybody act in between. */
const pass = Effect.forEach(Array.from({ length: 200 }), () => TestClock.adjust(50), { discard: true })

/** Three processes that produce, settle, crash and are rebalanced, with faults drawn from Effect's randomness. */
const program = Effect.fnUntraced(function* (directory: string) {
  const broker = yield* Embedded.make({ directory, cleanEvery: 5_000 })
  const group: Observed = { group: "g", topic: "in", events: [] }
  const told: Array<unknown> = []
  yield* broker
    .client("a")
    .kafka.topics.ensure(
      ["in", "out"].map((name) => ({ name, partitions, cleanup: "compact,delete", retention: 20_000 }))
    )
  yield* broker.control.intercept(({ kind }) =>
    Effect.map(Random.nextIntBetween(0, 100), (n) => (kind !== "topics" && n < 10 ? (n < 5 ? "lose" : "fail") : "pass"))
  )
  const note = Effect.fnUntraced(function* (topic: string, name: string): Effect.fn.Return<ProducerRecord> {
    const n = yield* Random.nextIntBetween(0, 20)
    const timestamp = yield* Clock.currentTimeMillis
    const value = Buffer.from(`${name} ${n}`)
    return { topic, partition: n % partitions, key: Buffer.from(`k${n}`), value, headers: [], timestamp }
  })
  const living = Effect.fnUntraced(function* (name: string) {
    const { kafka } = broker.client(name)
    const { memberships } = yield* join(kafka, group, name, undefined, { sessionTimeout: 3_000 })
    const producer = yield* kafka.producer
    for (;;) {
      yield* Effect.sleep(yield* Random.nextIntBetween(1, 200))
      told.push([name, yield* Effect.result(producer.send([yield* note("in", name)]))])
      const transactor = yield* Effect.exit(kafka.transactor({ transactionalId: name, timeout: 2_000 }))
      if (transactor._tag === "Failure") continue
      const membership = memberships.at(-1)
      const offsets = membership && { membership, committed: [{ topic: "in", partition: 0, offset: told.length }] }
      const records = [yield* note("out", name), yield* note("out", name)]
      told.push([name, yield* Effect.result(transactor.value.commit({ records, ...(offsets && { offsets }) }))])
    }
  })
  for (const name of ["a", "b", "c"]) yield* Effect.forkScoped(Effect.scoped(living(name)))
  yield* pass
  yield* broker.client("b").crash
  yield* pass
  yield* broker.client("c").freeze
  yield* pass
  yield* broker.client("c").thaw
  yield* pass
  return { events: group.events, told: told.map((each) => JSON.stringify(each)) }
})

/** All that is in the file, table by table. */
const contents = (directory: string) => {
  const db = new DatabaseSync(path(directory, "broker.sqlite"))
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all()
  const rows = tables.map(({ name }) => [
    name,
    db
      .prepare(`SELECT * FROM ${String(name)}`)
      .all()
      .map((row) =>
        Object.entries(row).map(([column, value]) => [
          column,
          value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value
        ])
      )
  ])
  db.close()
  return rows
}

const run = (seed: string) =>
  Effect.gen(function* () {
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(path(tmpdir(), "sixfold-"))),
      (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
    )
    const seen = yield* Effect.scoped(program(directory))
    return { ...seen, log: contents(directory) }
  }).pipe(Effect.scoped, Random.withSeed(seed), Effect.provide(TestClock.layer()))

describe("the embedded broker", () => {
  it.live("does the same again, to the byte: log, times, member ids, answers", () =>
    Effect.gen(function* () {
      const [first, again, other] = [yield* run("one"), yield* run("one"), yield* run("other")]
      expect(again).toEqual(first)
      // It was worth comparing: there were records, failures and members that came and went.
      expect(other.log).not.toEqual(first.log)
      expect(first.told.length).toBeGreaterThan(100)
      expect(first.told.filter((each) => each.includes("unclear"))).not.toEqual([])
      expect(new Set(first.events.map(({ what }) => what))).toContain("lost")
    })
  )
})
