/**
 * The actor runtime beside Kafka Streams and Confluent's Parallel Consumer, on one Apache Kafka, each in a process of its own.
 *
 *     node bench/peers/peers.ts [count] [wait] [--records 500000] [--rounds 2]
 *
 * `count`: exactly once, through everything: the value parsed, a state for each of 10,000 keys (Kafka Streams: exactly_once_v2 with a
 * persistent store), one output. `wait`: a 5 ms handler, in the order of each of 1,000 keys, a fifth of `--records`; ours exactly once with a
 * state, the Parallel Consumer at least once without one. 8 partitions; from the first message handled until the group has committed
 * all. Contestants take turns, and the best of `--rounds` counts. `KAFKA_BROKERS` names a broker, else one is started; the
 * peers' jars come from Maven Central. Needs Java 17 and mvn; without them the peers are left out. LINE's Decaton is not among
 * them: Maven Central had no artifact of it. Prints a table and a line of JSON: messages a second, and ratios, ours to theirs.
 */
import { Context, Effect, Layer } from "effect"
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { partitionFor } from "../../src/kafka/partitioner.ts"
import { start } from "../../test/broker/kafka.ts"
import { keys, partitions } from "./workload.ts"
import type { Job, Outcome } from "./workload.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { records: { type: "string", default: "500000" }, rounds: { type: "string", default: "2" } }
})
const count = Number(values.records)
const rounds = Number(values.rounds)
const all: ReadonlyArray<Job["task"]> = ["count", "wait"]
const tasks = all.filter((task) => positionals.length === 0 || positionals.includes(task))
const recordsOf = { count, wait: Math.ceil(count / 5) }

const here = import.meta.dirname
const jars = join(resolve(process.env["PEERS_DIR"] ?? ".cache/peers"), "lib")

/** Whether the peers can run; fetches them where they are not there yet. */
const fetchPeers = (): boolean => {
  if (spawnSync("java", ["-version"]).status !== 0) return false
  if (existsSync(join(jars, ".complete"))) return true
  mkdirSync(jars, { recursive: true })
  const copy = ["dependency:copy-dependencies", "-DincludeScope=runtime", `-DoutputDirectory=${jars}`]
  const fetched = spawnSync("mvn", ["-q", "-B", "-f", join(here, "pom.xml"), ...copy]).status === 0
  if (fetched) writeFileSync(join(jars, ".complete"), "")
  return fetched
}

const java = (peer: string, { bootstrap, output, records, topic }: Job): [string, Array<string>] => [
  "java",
  ["-Xmx1g", "-cp", `${jars}/*`, "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", join(here, "Peers.java")].concat([
    peer,
    bootstrap,
    topic,
    output,
    String(records)
  ])
]
const ours = (job: Job): [string, Array<string>] => [process.execPath, [join(here, "sixfold.ts"), JSON.stringify(job)]]

const hasPeers = fetchPeers()
if (!hasPeers) console.log("No Java, or its jars cannot be fetched: the peers are left out")
const peers: Readonly<Record<Job["task"], string>> = { count: "streams", wait: "parallel" }

const run = (name: string, job: Job): Outcome => {
  const [command, args] = name === "sixfold" ? ours(job) : java(name, job)
  const done = spawnSync(command, args, { encoding: "utf8", maxBuffer: 1 << 26, timeout: 600_000 })
  const line = done.stdout.split("\n").findLast((line) => line.startsWith("{"))
  if (line === undefined) throw new Error(`${name}, ${job.task}: ${done.stderr.slice(-2_000)}`)
  return JSON.parse(line) as Outcome
}

const own = process.env["KAFKA_BROKERS"] === undefined ? await start(1) : undefined
const bootstrap = own?.bootstrap ?? process.env["KAFKA_BROKERS"]!
const layer = Cluster.layer({ brokers: bootstrap.split(",") })
const utf8 = new TextEncoder()

/** A topic filled for a task, and an empty one beside it. */
const prepare = (task: Job["task"], round: number, who: string) =>
  Effect.gen(function* () {
    const kafka = Context.get(yield* Layer.build(layer), Kafka)
    const topic = `peers-${process.pid}-${task}-${round}-${who}`
    const output = `${topic}-out`
    yield* kafka.topics.ensure([topic, output].map((name) => ({ name, partitions, cleanup: "delete" })))
    const producer = yield* kafka.producer
    const records = recordsOf[task]
    const chunk = 5_000
    yield* Effect.forEach(
      Array.from({ length: Math.ceil(records / chunk) }, (_, index) => index * chunk),
      (first) =>
        producer.send(
          Array.from({ length: Math.min(chunk, records - first) }, (_, index) => {
            const key = utf8.encode(`key-${(first + index) % keys[task]}`)
            const value = utf8.encode(JSON.stringify({ n: first + index }))
            return { topic, partition: partitionFor(key, partitions), key, value, headers: [], timestamp: Date.now() }
          })
        ),
      { concurrency: 16, discard: true }
    )
    return { task, bootstrap, topic, output, records } satisfies Job
  }).pipe(Effect.scoped, Effect.runPromise)

const best: Record<Job["task"], Record<string, number>> = { count: {}, wait: {} }
try {
  for (let round = 0; round < rounds; round++)
    for (const task of tasks)
      for (const who of hasPeers ? ["sixfold", peers[task]] : ["sixfold"]) {
        const job = await prepare(task, round, who)
        const { seconds } = run(who, job)
        const rate = Math.round(job.records / seconds)
        console.log(`${task}, ${who}: ${rate} /s`)
        best[task][who] = Math.max(best[task][who] ?? 0, rate)
      }
} finally {
  own?.stop()
}

const results = tasks.map((task) => {
  const [mine, theirs] = [best[task]["sixfold"]!, best[task][peers[task]]]
  return {
    task,
    "sixfold /s": mine,
    ...(theirs === undefined ? {} : { peer: peers[task], "peer /s": theirs, ratio: Number((mine / theirs).toFixed(2)) })
  }
})
console.table(results)
console.log(JSON.stringify({ bench: "peers", records: count, rounds, results }))
