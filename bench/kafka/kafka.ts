/**
 * The broker layer beside the library's own clients, KafkaJS, the Java client and Kafka Streams, on one Apache Kafka, each in a process
 * of its own.
 *
 *     node bench/kafka/kafka.ts [produce] [consume] [transform] [latency] [memory] [--records 1000000] [--rounds 3] [--gigabytes 10]
 *
 * 8 partitions, 200-byte values, acks=all, idempotent; the consumer looks at key and value; the transform copies from topic to topic exactly
 * once, 10,000 records a transaction. `consume` reads twice `--records`, `transform` half of them. Contestants take turns, and the best of
 * `--rounds` counts: a broker that has just started is slow to the first. Beside the time is the client's CPU time, which suffers less from
 * what else the machine does. `socket` is no client but the bound of one (`socket.ts`). `memory` (only by name) writes and reads
 * `--gigabytes` and compares the resident memory after the first tenth with that at the end; the broker keeps little of it.
 *
 * `KAFKA_BROKERS` names a broker, else one is started, which needs Java 17 and mvn. The Java peers come from Maven Central; without Java and
 * mvn they are left out. Prints a table and a line of JSON: records a second (of `latency`: milliseconds), and ratios, ours to theirs, above 1
 * where ours is better.
 */
import { Admin } from "@platformatic/kafka"
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { start } from "../../test/broker/kafka.ts"
import type { Job, MemoryOutcome, Outcome } from "./workload.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    records: { type: "string", default: "1000000" },
    rounds: { type: "string", default: "3" },
    gigabytes: { type: "string", default: "10" }
  }
})
const count = Number(values.records)
const rounds = Number(values.rounds)
const partitions = 8
const latencies = 500
const all: ReadonlyArray<Job["task"]> = ["produce", "consume", "transform", "latency"]
const unknown = positionals.filter((name) => name !== "memory" && !all.some((task) => task === name))
if (unknown.length > 0) {
  console.error(`bench kafka: there is no ${unknown.join(", ")}; there are ${all.join(", ")} and memory`)
  process.exit(2)
}
const tasks = all.filter((task) => positionals.length === 0 || positionals.includes(task))

const beside = (file: string) => join(import.meta.dirname, file)
const jars = resolve(process.env["KAFKA_DIR"] ?? ".cache/kafka", "peers")

/** Whether the peers in Java can run; fetches them where they are not there yet. */
const fetchPeers = (): boolean => {
  if (spawnSync("java", ["-version"]).status !== 0) return false
  if (existsSync(join(jars, ".complete"))) return true
  mkdirSync(jars, { recursive: true })
  const copy = ["dependency:copy-dependencies", "-DincludeScope=runtime", `-DoutputDirectory=${jars}`]
  const fetched = spawnSync("mvn", ["-q", "-B", "-f", beside("pom.xml"), ...copy]).status === 0
  if (fetched) writeFileSync(join(jars, ".complete"), "")
  return fetched
}
const hasJava = fetchPeers()
if (!hasJava) console.log("Without Java or its peers' jars: the Java client and Kafka Streams are left out.")

interface Contestant {
  readonly tasks: ReadonlyArray<Job["task"]>
  readonly command: (job: Job) => [command: string, args: Array<string>]
}

const script = (file: string, tasks = all): Contestant => ({
  tasks,
  command: (job) => [process.execPath, [beside(file), JSON.stringify(job)]]
})
const java = (file: string, tasks: ReadonlyArray<Job["task"]>, args: (job: Job) => Array<unknown>): Contestant => ({
  tasks,
  command: (job) => [
    "java",
    ["-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", `${jars}/*`, beside(file)].concat(
      args(job).map(String)
    )
  ]
})

const contestants: Readonly<Record<string, Contestant>> = {
  sixfold: script("sixfold.ts"),
  library: script("library.ts"),
  kafkajs: script("kafkajs.ts"),
  ...(hasJava
    ? {
        java: java("Java.java", all, ({ bootstrap, gap, output, partitions, records, task, topic }) => [
          task,
          bootstrap,
          topic,
          output,
          partitions,
          records,
          gap
        ]),
        streams: java("Streams.java", ["transform"], ({ bootstrap, output, records, topic }) => [
          bootstrap,
          topic,
          output,
          records
        ])
      }
    : {}),
  socket: script("socket.ts", ["produce"])
}

const lastLine = (name: string, command: string, args: ReadonlyArray<string>, limit: number): string => {
  const done = spawnSync(command, args, { encoding: "utf8", maxBuffer: 1 << 26, timeout: limit })
  const line = done.stdout.split("\n").findLast((line) => line.startsWith("{"))
  if (line === undefined) throw new Error(`${name}: ${done.stderr.slice(-2_000)}`)
  return line
}
const run = (name: string, job: Job): Outcome =>
  JSON.parse(lastLine(`${name}, ${job.task}`, ...contestants[name]!.command(job), 300_000)) as Outcome

const own = process.env["KAFKA_BROKERS"] === undefined ? await start(1) : undefined
const bootstrap = own?.bootstrap ?? process.env["KAFKA_BROKERS"]!
const admin = new Admin({ clientId: "bench", bootstrapBrokers: bootstrap.split(",") })
let topics = 0
const create = async (configs: Record<string, string>): Promise<string> => {
  const name = `bench-${process.pid}-${topics++}`
  await admin.createTopics({
    topics: [name],
    partitions,
    configs: Object.entries(configs).map(([name, value]) => ({ name, value }))
  })
  return name
}
const newTopic = () => create({ "retention.ms": "-1" })
const remove = (...topics: ReadonlyArray<string>) => admin.deleteTopics({ topics: [...new Set(topics)] })

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
    const { cpu, rss, took } = run(who, job)
    const name = `transaction, ${gap > 0 ? "spaced" : "back to back"}`
    for (const p of [50, 99]) note(`${name}, p${p} ms`, false, who, percentile(took!, p / 100), rss)
    note(`${name}, CPU ms`, false, who, (cpu * 1_000) / took!.length, rss)
    await remove(topic)
  }
}

const throughput = async (who: string, task: Job["task"]) => {
  const records = task === "consume" ? count * 2 : task === "transform" ? count / 2 : count
  const topic = task === "produce" ? await newTopic() : await filledTopic(records)
  const output = task === "transform" ? await newTopic() : topic
  const { cpu, rss, seconds } = run(who, { task, bootstrap, topic, output, partitions, records, gap: 0 })
  note(`${task}, records/s`, true, who, records / seconds, rss)
  note(`${task}, CPU µs/record`, false, who, (cpu * 1_000_000) / records, rss)
  if (task !== "consume") await remove(task === "produce" ? topic : output)
}

const compare = async () => {
  for (const task of tasks) {
    const able = Object.entries(contestants).filter(([, { tasks }]) => tasks.includes(task))
    for (const [who] of able) await (task === "latency" ? latency(who) : throughput(who, task))
  }
}

/** What the launcher and `npm start` tell Node of its heap. */
const startFlags = ["--max-semi-space-size=8", "--heap-growing-percent=50"]

const memoryUnder = async (flags: ReadonlyArray<string>) => {
  const kept = { "retention.ms": "-1", "retention.bytes": String(32 << 20), "segment.bytes": String(16 << 20) }
  const topic = await create(kept)
  const job = { bootstrap, topic, partitions, bytes: Number(values.gigabytes) * 1e9 }
  const args = [...flags, beside("memory.ts"), JSON.stringify(job)]
  const line = lastLine("memory", process.execPath, args, 1_800_000)
  await remove(topic)
  const { early, highest, late } = JSON.parse(line) as MemoryOutcome
  return { early, late, highest, ratio: Number((late / early).toFixed(2)) }
}

const memory = async () => {
  const results = [
    { name: "rss MiB, as npm start runs", ...(await memoryUnder(startFlags)) },
    { name: "rss MiB, Node's own heap settings", ...(await memoryUnder([])) }
  ]
  console.table(results)
  console.log(JSON.stringify({ bench: "kafka memory", gigabytes: Number(values.gigabytes), results }))
}

try {
  if (tasks.length > 0) for (let round = 0; round < rounds; round++) await compare()
  if (positionals.includes("memory")) await memory()
} finally {
  if (Object.keys(filled).length > 0) await remove(...Object.values(filled))
  await admin.close()
  own?.stop()
}

const rounded = (value: number) => (value > 1_000 ? Math.round(value / 1_000) * 1_000 : Number(value.toPrecision(3)))
const results = rows.map(({ higher, measured, name, rss }) => {
  const ours = measured["sixfold"]!
  const ratios = Object.entries(measured).flatMap(([who, theirs]) =>
    who === "sixfold" ? [] : [[who, Number((higher ? ours / theirs : theirs / ours).toFixed(2))]]
  )
  return {
    name,
    measured: Object.fromEntries(Object.entries(measured).map(([who, value]) => [who, rounded(value)])),
    ratios: Object.fromEntries(ratios) as Record<string, number>,
    rss
  }
})
if (results.length > 0) {
  console.table(results.map(({ measured, name }) => ({ name, ...measured })))
  console.log("Ours to theirs, above 1 where ours is better:")
  console.table(results.map(({ name, ratios }) => ({ name, ...ratios })))
  console.log(JSON.stringify({ bench: "kafka", records: count, rounds, results }))
}
