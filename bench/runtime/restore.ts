/**
 * Restoring an actor's state from its changelog.
 *
 *     node --expose-gc bench/runtime/restore.ts [--keys 500000]
 *
 * Prints a table and a line of JSON: entries a second of `restoreRecord` alone (states; parked messages of one key), and through
 * the embedded broker in memory, beside what the broker alone takes to read the same records; heap bytes an idle key.
 */
import { parseArgs } from "node:util"
import { Effect, Schema } from "effect"
import * as Actor from "../../src/actor/actor.ts"
import { Topic } from "../../src/actor/topic.ts"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import type { KafkaRecord } from "../../src/kafka/records.ts"
import { Partition } from "../../src/runtime/partition.ts"
import { restore, restoreRecord } from "../../src/runtime/restore.ts"
import * as Entry from "../../src/store/entry.ts"

const { values } = parseArgs({ options: { keys: { type: "string", default: "500000" } } })
const keys = Number(values.keys)

const inbox = Topic.make("numbers", { value: Schema.Int, partitions: 1 })
const { definition } = Actor.Actor.make("sum", {
  inbox,
  state: Schema.Struct({ total: Schema.Int }),
  initial: { total: 0 }
}).handle({
  message: (state) => Effect.succeed(state)
})
const fresh = () =>
  new Partition(
    {
      definition,
      deadLetters: "sum.dead-letters",
      expect: () => {},
      wake: () => {},
      capacity: 1_024,
      capacityBytes: 1e6,
      holdLimit: 1_000
    },
    { topic: "numbers", partition: 0 },
    "id"
  )

const utf8 = new TextEncoder()
const record = (offset: number, key: Uint8Array, value: Uint8Array): KafkaRecord => ({
  offset,
  timestamp: 0,
  headers: [],
  key,
  value
})
const states = Array.from({ length: keys }, (_, n) =>
  record(n, Entry.stateKey(`user-${n}`), utf8.encode(JSON.stringify({ total: n })))
)
const parkedCount = 10_000
const parked = Array.from({ length: parkedCount }, (_, n) =>
  record(
    n,
    Entry.parkedKey("one", n),
    Entry.parkedValue({ offset: n, timestamp: 0, value: utf8.encode("1"), headers: [] })
  )
)

const used = () => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}
const rate = (records: ReadonlyArray<KafkaRecord>) => {
  const [partition, start] = [fresh(), performance.now()]
  for (const each of records) restoreRecord(partition, each)
  return [Math.round((records.length * 1_000) / (performance.now() - start)), partition] as const
}
rate(states)
const before = used()
const [alone, partition] = rate(states)
const bytes = Math.round((used() - before) / keys)
if (partition.cells.size !== keys) throw new Error("a key is missing")
const [parkedAlone] = rate(parked)

const throughBroker = Effect.gen(function* () {
  const kafka = yield* Kafka
  yield* kafka.topics.ensure([inbox.spec, { name: "sum.state", partitions: 1, cleanup: "compact" }])
  const producer = yield* kafka.producer
  for (let from = 0; from < keys; from += 5_000) {
    const some = states.slice(from, from + 5_000)
    yield* producer.send(
      some.map(({ key, value }) => ({ topic: "sum.state", partition: 0, key, value, headers: [], timestamp: 0 }))
    )
  }
  const reading = performance.now()
  const reader = yield* kafka.reader()
  yield* reader.seek({ topic: "sum.state", partition: 0 }, 0)
  for (let read = 0; read < keys;) for (const { records } of yield* reader.poll) read += records.length
  const broker = performance.now() - reading
  const idle = { beforeJoin: () => Effect.void, assigned: () => Effect.void, lost: () => Effect.void }
  const member = yield* kafka.member({ group: "bench", topics: ["numbers"], listener: idle })
  const restoring = performance.now()
  const at = { actor: "sum", changelog: "sum.state", topicId: "id", producer: Effect.succeed(producer) }
  yield* restore(kafka, member, fresh(), at)
  return [broker, performance.now() - restoring] as const
}).pipe(Effect.scoped, Effect.provide(Embedded.layerMemory))

const [broker, restored] = await Effect.runPromise(throughBroker)
const perSecond = (millis: number) => Math.round((keys * 1_000) / millis)
const result = {
  keys,
  "restoreRecord states/s": alone,
  "restoreRecord parked of one key/s": parkedAlone,
  "through the embedded broker entries/s": perSecond(restored),
  "broker alone records/s": perSecond(broker),
  "heap bytes an idle key": globalThis.gc === undefined ? "with --expose-gc" : bytes
}
console.table(result)
console.log(JSON.stringify({ bench: "runtime restore", ...result }))
