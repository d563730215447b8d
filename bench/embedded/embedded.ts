/**
 * The embedded broker, in memory and on disk: records produced and consumed a second, and settles (a transaction of one record and one
 * offset, as an actor commits it). Values have 200 bytes. Run: `node bench/embedded/embedded.ts [records]` (default 500,000).
 */
import { Effect, Option } from "effect"
import type { Layer } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import type { Member, Membership } from "../../src/kafka/kafka.ts"
import type { ProducerRecord } from "../../src/kafka/records.ts"

const count = Number(process.argv[2] ?? 500_000)
const settles = Math.ceil(count / 50)
const partitions = 8
const batch = 500
const value = Buffer.alloc(200, "x")
const now = () => performance.now()

const record = (topic: string, i: number): ProducerRecord => ({
  topic,
  partition: i % partitions,
  key: Buffer.from(`key-${i % 10_000}`),
  value,
  headers: [],
  timestamp: 0
})

/** What a second brings of `n` things that the effect does. */
const perSecond = <E, R>(n: number, effect: Effect.Effect<unknown, E, R>) =>
  Effect.gen(function* () {
    const start = now()
    yield* effect
    return Math.round(n / ((now() - start) / 1_000))
  })

const consume = Effect.gen(function* () {
  const reader = yield* (yield* Kafka).reader()
  for (let partition = 0; partition < partitions; partition++) yield* reader.seek({ topic: "in", partition }, 0)
  for (let read = 0; read < count;) for (const { records } of yield* reader.poll) read += records.length
})

/** The member's first membership. */
const joined = (member: Member): Effect.Effect<Membership> =>
  Effect.flatMap(
    member.membership,
    Option.match({ onNone: () => Effect.andThen(Effect.sleep(1), joined(member)), onSome: Effect.succeed })
  )

/** One transaction after the other, for each of so many transactors at once. */
const settle = (transactors: number) =>
  Effect.gen(function* () {
    const kafka = yield* Kafka
    const listener = { beforeJoin: () => Effect.void, assigned: () => Effect.void, lost: () => Effect.void }
    const membership = yield* joined(yield* kafka.member({ group: `g${transactors}`, topics: ["in"], listener }))
    const each = Effect.fnUntraced(function* (who: number) {
      const transactor = yield* kafka.transactor({ transactionalId: `x${transactors}.${who}` })
      for (let i = 0; i < settles / transactors; i++) {
        const committed = [{ topic: "in", partition: who, offset: i }]
        yield* transactor.commit({ records: [record("out", i)], offsets: { membership, committed } })
      }
    })
    const all = Array.from({ length: transactors }, (_, who) => each(who))
    return yield* perSecond(settles, Effect.all(all, { concurrency: "unbounded" }))
  })

const bench = Effect.gen(function* () {
  const kafka = yield* Kafka
  yield* kafka.topics.ensure(["in", "out"].map((name) => ({ name, partitions, cleanup: "delete" as const })))
  const producer = yield* kafka.producer
  const sends = Array.from({ length: count / batch }, (_, n) =>
    Effect.suspend(() => producer.send(Array.from({ length: batch }, (_, i) => record("in", n * batch + i))))
  )
  const produced = yield* perSecond(count, Effect.all(sends, { concurrency: 16, discard: true }))
  const consumed = yield* perSecond(count, consume)
  return {
    "produced/s": produced,
    "consumed/s": consumed,
    "settles/s, one transactor": yield* settle(1),
    "settles/s, eight": yield* settle(8)
  }
})

const directory = mkdtempSync(join(tmpdir(), "sixfold-"))
const run = (layer: Layer.Layer<Kafka, unknown>) => Effect.runPromise(Effect.scoped(Effect.provide(bench, layer)))
try {
  const result = { memory: await run(Embedded.layerMemory), disk: await run(Embedded.layer({ directory })) }
  console.table(result)
  console.log(JSON.stringify({ bench: "embedded", records: count, ...result }))
} finally {
  rmSync(directory, { recursive: true, force: true })
}
