/**
 * The KV store in one process, on the embedded broker in memory.
 *
 *     node bench/kv/kv.ts [--entries 500000] [--writes 20000]
 *
 * Prints a table and a line of JSON: nanoseconds of a read beside a plain Map's, of a thousand keys (in the
 * processor's caches) and of a hundred thousand (mostly not); entries a second of a bootstrap, of what the
 * broker alone takes to read the same records, and of decoding alone; writes a second through the single writer; bytes an entry.
 */
import { Context, Effect, Layer, Option, Schema } from "effect"
import { parseArgs } from "node:util"
import * as Topology from "../../src/actor/topology.ts"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { partitionFor } from "../../src/kafka/partitioner.ts"
import type { KafkaRecord, ProducerRecord } from "../../src/kafka/records.ts"
import { Contents } from "../../src/store/kv/contents.ts"
import { KvStore } from "../../src/store/kv/kvStore.ts"
import { kvTopics } from "../../src/store/kv/topics.ts"
import * as Supervision from "../../src/supervision/layer.ts"

const { values } = parseArgs({
  options: { entries: { type: "string", default: "500000" }, writes: { type: "string", default: "20000" } }
})
const entries = Number(values.entries)
const writes = Number(values.writes)

const value = Schema.Struct({ limit: Schema.Number, enabled: Schema.Boolean, name: Schema.String })
class Config extends KvStore.Service<Config>()("config", { value }) {}
const topology = Topology.make("bench", Config)
const topics = kvTopics("config", { value })

const now = () => performance.now()
const utf8 = new TextEncoder()
const keyOf = (i: number) => `site-${i}/limit`

/** What `entries` writes leave in the store's topic. */
const fill = Effect.gen(function* () {
  const kafka = yield* Kafka
  const { codec, spec } = topics.values
  yield* kafka.topics.ensure([spec])
  const producer = yield* kafka.producer
  const records: Array<ProducerRecord> = []
  for (let i = 0; i < entries; i++) {
    const key = utf8.encode(keyOf(i))
    const stored = { version: (i % 9) + 1, value: { limit: i, enabled: i % 2 === 0, name: `the limit of site ${i}` } }
    records.push({
      topic: spec.name,
      partition: partitionFor(key, spec.partitions),
      key,
      value: codec.encodeValue(stored),
      headers: codec.headersOf!(stored),
      timestamp: 0
    })
    if (records.length === 5_000 || i === entries - 1) yield* producer.send(records.splice(0))
  }
})

/** The same records through the port, untouched. */
const readAll = Effect.gen(function* () {
  const kafka = yield* Kafka
  const { spec } = topics.values
  const reader = yield* kafka.reader()
  for (let partition = 0; partition < spec.partitions; partition++) {
    yield* reader.seek({ topic: spec.name, partition }, 0)
  }
  const records: Array<KafkaRecord> = []
  while (records.length < entries) for (const batch of yield* reader.poll) records.push(...batch.records)
  return records
})

/** Of this process, in seconds: unlike time it does not grow when others keep the machine busy. */
const cpu = () => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1e6
}

const seconds = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const start = now()
    const result = yield* effect
    return [result, (now() - start) / 1_000] as const
  })

/** Nanoseconds of processor time a call, over so many keys from all over the map; `used` keeps the calls from being dropped. */
const perCall = (count: number, read: (key: string) => unknown): number => {
  const keys = Array.from({ length: Math.min(count, entries) }, (_, i) => keyOf((i * 7_919) % entries))
  const rounds = Math.ceil(2_000_000 / keys.length)
  let used = 0
  const all = () => {
    for (let round = 0; round < rounds; round++) for (const key of keys) if (read(key) !== undefined) used++
  }
  all()
  const start = cpu()
  all()
  const nanos = ((cpu() - start) * 1e9) / (keys.length * rounds)
  if (used !== keys.length * rounds * 2) throw new Error("a key is missing")
  return nanos
}

const round = (n: number) => Math.round(n * 10) / 10

const memory = () => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

const bench = Effect.gen(function* () {
  yield* fill
  const readCpu = cpu()
  const [records, broker] = yield* seconds(readAll)
  const decodeStart = now()
  const decodeCpu = cpu()
  const contents = new Contents(topics.values)
  contents.load(records)
  const decoding = (now() - decodeStart) / 1_000
  const [brokerCpu, decodingCpu] = [decodeCpu - readCpu, cpu() - decodeCpu]
  records.length = 0
  contents.entries.clear()

  const before = memory()
  const cpuBefore = cpu()
  const [context, bootstrap] = yield* seconds(Layer.build(Config.layer))
  const bootstrapCpu = cpu() - cpuBefore
  const bytes = (memory() - before) / entries
  const store = Context.get(context, Config)
  const plain = new Map(store.entries())
  const reads = (count: number) => ({
    [`get ns, of ${count} keys`]: round(perCall(count, (key) => Option.getOrUndefined(store.get(key)))),
    [`entry ns, of ${count} keys`]: round(perCall(count, (key) => Option.getOrUndefined(store.entry(key)))),
    [`Map.get ns, of ${count} keys`]: round(perCall(count, (key) => plain.get(key)))
  })
  const reading = { ...reads(1_000), ...reads(100_000) }

  yield* Layer.build(Supervision.layer(topology, { app: "bench", instance: "one" }))
  const put = (i: number) => store.put(keyOf(i % entries), { limit: i, enabled: true, name: "written" })
  yield* Effect.forEach(
    Array.from({ length: 1_000 }, (_, i) => i),
    put,
    { concurrency: 256 }
  )
  const [, writing] = yield* seconds(
    Effect.forEach(
      Array.from({ length: writes }, (_, i) => i),
      put,
      { concurrency: 256 }
    )
  )
  const [, lone] = yield* seconds(
    Effect.forEach(
      Array.from({ length: 200 }, (_, i) => i),
      put
    )
  )
  return {
    entries,
    ...reading,
    "bootstrap entries/s": Math.round(entries / bootstrap),
    "bootstrap CPU µs an entry": round((bootstrapCpu * 1e6) / entries),
    "broker alone records/s": Math.round(entries / broker),
    "broker alone CPU µs an entry": round((brokerCpu * 1e6) / entries),
    "decode alone CPU µs an entry": round((decodingCpu * 1e6) / entries),
    "decode alone entries/s": Math.round(entries / decoding),
    "writes/s, 256 at a time": Math.round(writes / writing),
    "lone write ms": round((lone / 200) * 1_000),
    "heap bytes an entry": globalThis.gc === undefined ? "with --expose-gc" : Math.round(bytes)
  }
})

const result = await Effect.runPromise(Effect.scoped(Effect.provide(bench, Embedded.layerMemory)))
console.table(result)
console.log(JSON.stringify({ bench: "kv", ...result }))
