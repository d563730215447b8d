/**
 * The broker layer beside the library's own clients and the Java client, on one Apache Kafka, each in a process of its own.
 *
 *     node bench/kafka/kafka.ts [produce] [consume] [transform] [latency] [--records 1000000] [--rounds 2]
 *
 * 8 partitions, 200-byte values, acks=all, idempotent; the consumer looks at key and value; the transform copies from topic to topic exactly
 * once, 10,000 records a transaction. `consume` reads twice `--records`, `transform` half of them. Contestants take turns, and the best of
 * `--rounds` counts: a broker that has just started is slow to the first. `KAFKA_BROKERS` names a broker, else one is started, which needs
 * Java 17 and mvn. Without Java its client is left out. Prints a table and a line of JSON: records a second (of `latency`:
 * milliseconds) and ratios, ours to theirs, above 1 where ours is better.
 */
import { Context, Effect, Layer } from "effect"
import { spawnSync } from "node:child_process"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { start } from "../../test/broker/kafka.ts"
import type { Job, Outcome } from "./workload.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { records: { type: "string", default: "1000000" }, rounds: { type: "string", default: "2" } }
})
const count = Number(values.records)
const rounds = Number(values.rounds)
const partitions = 8
const latencies = 500
const all: ReadonlyArray<Job["task"]> = ["produce", "consume", "transform", "latency"]
const tasks = all.filter((task) => positionals.length === 0 || positionals.includes(task))

const jars = join(resolve(process.env["KAFKA_DIR"] ?? ".cache/kafka"), "lib")
const hasJava = spawnSync("java", ["-version"]).status === 0
const beside = (file: string) => join(import.meta.dirname, file)

const contestants: Readonly<Record<string, (job: Job) => [command: string, args: Array<string>]>> = {
  sixfold: (job) => [process.execPath, [beside("sixfold.ts"), JSON.stringify(job)]],
  library: (job) => [process.execPath, [beside("library.ts"), JSON.stringify(job)]],
  ...(hasJava
    ? {
        java: ({ bootstrap, gap, output, partitions, records, task, topic }: Job) => [
          "java",
          ["-Xmx1g", "-cp", `${jars}/*`, beside("Java.java"), task, bootstrap, topic, output].concat(
            [partitions, records, gap].map(String)
          )
        ]
      }
    : {})
}

const run = (name: string, job: Job): Outcome => {
  const done = spawnSync(...contestants[name]!(job), { encoding: "utf8", maxBuffer: 1 << 26, timeout: 300_000 })
  const line = done.stdout.split("\n").findLast((line) => line.startsWith("{"))
  if (line === undefined) throw new Error(`${name}, ${job.task}: ${done.stderr.slice(-2_000)}`)
  return JSON.parse(line) as Outcome
}

const own = process.env["KAFKA_BROKERS"] === undefined ? await start(1) : undefined
const bootstrap = own?.bootstrap ?? process.env["KAFKA_BROKERS"]!
let topics = 0
const newTopic = async (): Promise<string> => {
  const name = `bench-${process.pid}-${topics++}`
  const ensure = Effect.gen(function* () {
    const kafka = Context.get(yield* Layer.build(Cluster.layer({ brokers: bootstrap.split(",") })), Kafka)
    yield* kafka.topics.ensure([{ name, partitions, cleanup: "delete" }])
  })
  await Effect.runPromise(Effect.scoped(ensure))
  return name
}

const percentile = (took: ReadonlyArray<number>, p: number) =>
  took.toSorted((a, b) => a - b)[Math.floor(took.length * p)]!

/** One row of the table: who had how much of it. `higher`: more is better. */
interface Row {
  readonly name: string
  readonly higher: boolean
  readonly measured: Record<string, number>
  readonly rss: Record<string, number>
}
const rows: Array<Row> = []
const note = (name: string, higher: boolean, who: string, value: number, rss: number) => {
  let row = rows.find((row) => row.name === name)
  if (row === undefined) rows.push((row = { name, higher, measured: {}, rss: {} }))
  const best = row.measured[who]
  if (best === undefined || (higher ? value > best : value < best)) row.measured[who] = value
  row.rss[who] = rss
}

const filled: Record<string, string> = {}
/** A topic with at least so many records, written by ours. */
const filledTopic = async (records: number) => {
  const known = filled[records]
  if (known !== undefined) return known
  const topic = await newTopic()
  run("sixfold", { task: "produce", bootstrap, topic, output: topic, partitions, records, gap: 0 })
  return (filled[records] = topic)
}

const latency = async (who: string) => {
  for (const gap of [20, 0]) {
    const topic = await newTopic()
    const job: Job = { task: "latency", bootstrap, topic, output: topic, partitions, records: latencies, gap }
    const { rss, took } = run(who, job)
    const name = `transaction, ${gap > 0 ? "spaced" : "back to back"}`
    for (const p of [50, 99]) note(`${name}, p${p} ms`, false, who, percentile(took!, p / 100), rss)
  }
}

const throughput = async (who: string, task: Job["task"]) => {
  const records = task === "consume" ? count * 2 : task === "transform" ? count / 2 : count
  const topic = task === "produce" ? await newTopic() : await filledTopic(records)
  const { rss, seconds } = run(who, { task, bootstrap, topic, output: await newTopic(), partitions, records, gap: 0 })
  note(`${task}, records/s`, true, who, records / seconds, rss)
}

const compare = async () => {
  for (const task of tasks)
    for (const who of Object.keys(contestants)) await (task === "latency" ? latency(who) : throughput(who, task))
}

try {
  for (let round = 0; round < rounds; round++) await compare()
} finally {
  own?.stop()
}

const rounded = (value: number) => (value > 1_000 ? Math.round(value / 1_000) * 1_000 : Number(value.toPrecision(3)))
const results = rows.map(({ higher, measured, name, rss }) => {
  const ours = measured["sixfold"]!
  const ratios = Object.entries(measured).flatMap(([who, theirs]) =>
    who === "sixfold" ? [] : [[`to ${who}`, Number((higher ? ours / theirs : theirs / ours).toFixed(2))]]
  )
  return {
    name,
    ...Object.fromEntries(Object.entries(measured).map(([who, value]) => [who, rounded(value)])),
    ...(Object.fromEntries(ratios) as Record<string, number>),
    "rss MiB": rss["sixfold"]
  }
})
console.table(results)
console.log(JSON.stringify({ bench: "kafka", records: count, rounds, results }))
