/**
 * A real Apache Kafka 4.1 (KRaft, no Docker): its jars come from Maven Central, so it needs Java 17 and mvn.
 *
 *     node test/broker/kafka.ts start [1|3]    a fresh cluster; prints its bootstrap list
 *     node test/broker/kafka.ts stop           ends it and deletes its data
 *
 * Settings: KAFKA_DIR (jars, data and logs; default .cache/kafka), KAFKA_PORT (the first port, default 29092),
 * KAFKA_HEAP (per broker, default 512m), KAFKA_KEEP (set: data is put aside, not deleted).
 */
import { Admin } from "@platformatic/kafka"
import { execFile, spawn } from "node:child_process"
import { existsSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join, resolve } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { certificates } from "./certificates.ts"
import { password, properties, user } from "./properties.ts"

const here = import.meta.dirname
/** Which of vitest's workers this is, from 1: suites that run side by side have clusters of their own. */
const worker = Number(process.env.VITEST_POOL_ID ?? 1)
const root = resolve(process.env.KAFKA_DIR ?? join(here, "../../.cache/kafka"))
const directory = worker === 1 ? root : join(root, `worker-${worker}`)
const firstPort = Number(process.env.KAFKA_PORT ?? 29092) + (worker - 1) * 50
const keep = process.env.KAFKA_KEEP
const heap = process.env.KAFKA_HEAP ?? "512m"
const jars = join(root, "lib")
const startLimit = 400_000

/** Listeners that want something of their clients. User and password: `properties.ts`; mechanisms: PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. */
export interface Secured {
  /** SASL without TLS, TLS without SASL, and both; host:port. */
  readonly sasl: string
  readonly tls: string
  readonly saslTls: string
  /** Who signed the brokers' certificates, in PEM. */
  readonly authority: string
}

export interface Cluster {
  /** host:port, comma-separated. */
  readonly bootstrap: string
  /** Other listeners of broker 1. */
  readonly secured: Secured
  /** By broker, from 1: where it listens for proxies, and where it tells the clients that come there to go. */
  readonly proxied: ReadonlyArray<{ readonly listens: number; readonly announced: number }>
  /** Ends broker I (from 1) as SIGKILL does. */
  kill(broker: number): void
  /** Starts a killed broker again on its data and waits until it serves. */
  up(broker: number): Promise<void>
  /** Freezes and thaws (SIGSTOP, SIGCONT). */
  pause(broker: number): void
  resume(broker: number): void
  stop(): void
}

const port = (broker: number) => firstPort + (broker - 1) * 7
const address = (broker: number) => `127.0.0.1:${port(broker)}`
const pidFile = (broker: number) => join(directory, `${broker}.pid`)
const pidOf = (broker: number) => Number(readFileSync(pidFile(broker), "utf8"))
const java = (...args: ReadonlyArray<string>) => [
  `-Xmx${heap}`,
  "-cp",
  `${jars}/*`,
  "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
  "-Dorg.slf4j.simpleLogger.logFile=System.err",
  ...args
]

const alive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Answers what the command printed, read as `encoding` says. */
const run = (command: string, args: ReadonlyArray<string>, encoding: BufferEncoding = "utf8"): Promise<string> =>
  new Promise((answer, fail) => {
    execFile(command, args, { encoding, maxBuffer: 1 << 30 }, (error, stdout, stderr) =>
      error === null
        ? answer(stdout)
        : fail(new Error(`${command} ${args.at(-1)} failed:\n${error.message}${stdout}${stderr}`))
    )
  })

/** Runs one of Kafka's own tools (a class of its). What it printed is read as `latin1`, a byte a character. */
export const tool = async (name: string, ...args: ReadonlyArray<string>): Promise<string> => {
  await fetchJars()
  return run("java", java(name, ...args), "latin1")
}

/** Kafka's jars, once for all; not to be called by two processes at once when they are not there yet. */
export const fetchJars = async (): Promise<void> => {
  mkdirSync(directory, { recursive: true })
  if (existsSync(join(jars, ".complete"))) return
  await run("mvn", [
    "-q",
    "-B",
    "-f",
    join(here, "pom.xml"),
    "dependency:copy-dependencies",
    "-DincludeScope=runtime",
    `-DoutputDirectory=${jars}`
  ])
  writeFileSync(join(jars, ".complete"), "")
}

/** Brokers of this process. */
const started = new Set<number>()
/** The id of the cluster that this process has started: at our ports others may have begun at the same time. */
let cluster = ""

const launch = (broker: number) => {
  const log = openSync(join(directory, `${broker}.log`), "a")
  const child = spawn("java", java("kafka.Kafka", join(directory, `${broker}.properties`)), {
    detached: true,
    stdio: ["ignore", log, log]
  })
  child.unref()
  started.add(child.pid!)
  writeFileSync(pidFile(broker), String(child.pid))
}

const listens = (broker: number) =>
  new Promise<boolean>((answer) => {
    const socket = connect(port(broker), "127.0.0.1")
    socket.once("connect", () => (socket.destroy(), answer(true)))
    socket.once("error", () => answer(false))
  })

const isAmong = async (broker: number) => {
  const admin = new Admin({
    clientId: "start",
    bootstrapBrokers: [address(broker)],
    retries: 0,
    requestTimeout: 10_000
  })
  try {
    const { brokers, id } = await admin.metadata({})
    return id === cluster && brokers.has(broker)
  } catch {
    return false
  } finally {
    await admin.close()
  }
}

const serves = async (brokers: ReadonlyArray<number>) => {
  const deadline = Date.now() + startLimit
  const late = (broker: number) => {
    const log = readFileSync(join(directory, `${broker}.log`), "utf8")
      .split("\n")
      .slice(-30)
      .join("\n")
    return new Error(`broker ${broker} does not serve:\n${log}`)
  }
  for (const broker of brokers) {
    while (!(await listens(broker))) {
      if (!alive(pidOf(broker)) || Date.now() > deadline) throw late(broker)
      await sleep(200)
    }
    // An open port is not yet a serving broker: it must count itself among them.
    while (!(await isAmong(broker))) {
      if (!alive(pidOf(broker)) || Date.now() > deadline) throw late(broker)
      await sleep(200)
    }
  }
}

const stop = () => {
  if (!existsSync(directory)) return
  for (const file of readdirSync(directory)) {
    const broker = /^(\d)\.pid$/.exec(file)?.[1]
    if (broker === undefined) continue
    const pid = pidOf(Number(broker))
    if (alive(pid)) process.kill(pid, "SIGKILL")
    started.delete(pid)
    const data = join(directory, `data-${broker}`)
    if (keep === undefined) rmSync(data, { recursive: true, force: true, maxRetries: 5 })
    else if (existsSync(data)) renameSync(data, join(directory, `kept-${Date.now()}-${broker}`))
    for (const suffix of ["pid", "properties", "log"]) rmSync(join(directory, `${broker}.${suffix}`), { force: true })
  }
}

/**
 * Starts a fresh cluster of one broker or three and waits until all serve. Whatever ran in the directory before is ended; and what is
 * not stopped ends with this process.
 */
export const start = (count: 1 | 3): Promise<Cluster> => {
  process.once("exit", () => {
    for (const pid of started) if (alive(pid)) process.kill(pid, "SIGKILL")
  })
  return begin(count)
}

const begin = async (count: 1 | 3): Promise<Cluster> => {
  await fetchJars()
  stop()
  const brokers = Array.from({ length: count }, (_, index) => index + 1)
  if (await listens(1)) throw new Error(`port ${port(1)} is taken: set KAFKA_PORT`)
  const { authority, keyStore } = await certificates(join(directory, "certificates"), (args) => run("keytool", args))
  cluster = (await run("java", java("kafka.tools.StorageTool", "random-uuid"))).trim().split("\n").at(-1)!
  const users = ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((mechanism) => [
    "--add-scram",
    `${mechanism}=[name=${user},password=${password}]`
  ])
  for (const broker of brokers) {
    const file = join(directory, `${broker}.properties`)
    writeFileSync(file, properties({ broker, count, port, data: join(directory, `data-${broker}`), keyStore }))
    await run("java", java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", file, ...users))
    launch(broker)
  }
  await serves(brokers)
  return {
    bootstrap: brokers.map(address).join(","),
    secured: {
      sasl: `127.0.0.1:${port(1) + 2}`,
      tls: `127.0.0.1:${port(1) + 5}`,
      saslTls: `127.0.0.1:${port(1) + 6}`,
      authority
    },
    proxied: brokers.map((broker) => ({ listens: port(broker) + 3, announced: port(broker) + 4 })),
    kill: (broker) => void process.kill(pidOf(broker), "SIGKILL"),
    up: async (broker) => {
      launch(broker)
      await serves([broker])
    },
    pause: (broker) => void process.kill(pidOf(broker), "SIGSTOP"),
    resume: (broker) => void process.kill(pidOf(broker), "SIGCONT"),
    stop
  }
}

if (import.meta.main) {
  const [command, count = "1"] = process.argv.slice(2)
  if (command === "start" && (count === "1" || count === "3"))
    console.log((await begin(count === "1" ? 1 : 3)).bootstrap)
  else if (command === "stop") stop()
  else {
    console.error("usage: node test/broker/kafka.ts start [1|3] | stop")
    process.exitCode = 2
  }
}
