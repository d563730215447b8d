/**
 * The two questions of the installed apps, as their users ask them: `sixfold start` with 100,000 sites in its table, over HTTP with
 * keep-alive, on SQLite and on PostgreSQL. The load comes from a process of its own, which checks every byte of every
 * answer. Run: `npm run bench -- query [-- SECONDS [sqlite|postgres]]` (default 10 s a line, both). `POSTGRES_URL` names a PostgreSQL whose
 * user may create databases; else one is started. Prints requests a second and a minute, milliseconds, and microseconds of CPU per
 * request: of the server, of the database, and of the load (Linux only).
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { siteMetadata } from "../../actors/sites/topics.ts"
import * as DataDirectory from "../../src/cli/dataDirectory.ts"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { partitionFor } from "../../src/kafka/partitioner.ts"
import { Postgres } from "../../src/projection/postgres.ts"
import { startPostgres } from "../../test/projection/postgres-server.ts"
import type { Route } from "./sites.ts"
import { siteCount, siteId, siteOf } from "./sites.ts"

const seconds = Number(process.argv[2] ?? 10)
const wanted = process.argv[3]
const connections = 64
const chunk = 2_000

/** Writes all sites to the log of a data directory that no process has open. */
const fill = (path: string) =>
  Effect.gen(function* () {
    const directory = yield* DataDirectory.open(path)
    yield* Effect.gen(function* () {
      const kafka = yield* Kafka
      yield* kafka.topics.ensure([siteMetadata.spec])
      const producer = yield* kafka.producer
      for (let from = 0; from < siteCount; from += chunk) {
        const records = Array.from({ length: Math.min(chunk, siteCount - from) }, (_, i) => {
          const key = siteMetadata.codec.encodeKey(siteId(from + i))
          const value = siteMetadata.codec.encodeValue(siteOf(from + i))
          const partition = partitionFor(key, siteMetadata.spec.partitions)
          return { topic: siteMetadata.name, partition, key, value, headers: [], timestamp: 0 }
        })
        yield* producer.send(records)
      }
    }).pipe(Effect.scoped, Effect.provide(Embedded.layer({ directory: directory.path })))
  }).pipe(Effect.provide(NodeServices.layer))

/** The processes below this one. */
const children = (pid: number): ReadonlyArray<number> => {
  const file = `/proc/${pid}/task/${pid}/children`
  if (!existsSync(file)) return []
  const direct = readFileSync(file, "utf8")
    .split(" ")
    .filter((id) => id !== "")
    .map(Number)
  return direct.flatMap((id) => [id, ...children(id)])
}

/** Microseconds of CPU that a process has had, in hundredths of a second. NaN where there is no /proc. */
const cpuOf = (pid: number): number => {
  if (!existsSync(`/proc/${pid}/stat`)) return existsSync("/proc/self/stat") ? 0 : Number.NaN
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ")
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}
const cpuOfAll = (pids: ReadonlyArray<number>): number => pids.reduce((sum, pid) => sum + cpuOf(pid), 0)

/** As `npm start` starts it. */
const start = async (data: string, database: string | undefined) => {
  const program = new URL("../../bin/sixfold.js", import.meta.url).pathname
  const options = [
    "--data",
    data,
    "--port",
    "0",
    "--actors",
    "gateway,site-projector",
    "--log",
    "json",
    "--requests-per-client",
    "1000000"
  ]
  const server = spawn(process.execPath, [program, "start", ...options], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...(database === undefined ? {} : { SIXFOLD_DATABASE: database }) }
  })
  for await (const line of createInterface(server.stdout)) {
    const port = /is up at [^"]*:(\d+)/.exec(line)?.[1]
    if (port === undefined) continue
    server.stdout.resume()
    return { server, port: Number(port) }
  }
  throw new Error("the server has not started")
}

const level = async (port: number) => {
  for (let tries = 0; tries < 1_200; tries++) {
    const answer = await fetch(`http://127.0.0.1:${port}/projections/site-projector`)
    const { lag } = (await answer.json()) as { readonly lag: number }
    const last = await fetch(`http://127.0.0.1:${port}/sites/${siteId(siteCount - 1)}/installed-apps`)
    await last.arrayBuffer()
    if (lag === 0 && last.ok) return
    await new Promise((go) => setTimeout(go, 100))
  }
  throw new Error("the projection is not level after two minutes")
}

/** As PostgreSQL does by itself within a minute. */
const vacuum = (url: string) =>
  Effect.runPromise(
    SqlClient.SqlClient.use((sql) => sql.unsafe("VACUUM ANALYZE").unprepared).pipe(Effect.provide(Postgres.layer(url)))
  )

interface Asked {
  readonly answers: number
  readonly wrong: number
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  readonly ownCpu: number
}

const load = async (port: number, route: Route, time: number): Promise<Asked> => {
  const script = new URL("load.ts", import.meta.url).pathname
  const child = spawn(process.execPath, [script, String(port), route, String(time), String(connections)], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  let out = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text))
  const [code] = (await once(child, "close")) as [number | null]
  if (code !== 0) throw new Error("the load failed")
  return JSON.parse(out) as Asked
}

const stop = async (server: ChildProcess) => {
  server.kill("SIGTERM")
  if (server.exitCode === null) await once(server, "exit")
}

const measure = async (name: string, database: { readonly url: string; readonly pid: () => number } | undefined) => {
  const data = mkdtempSync(join(tmpdir(), "bench-query-"))
  try {
    await Effect.runPromise(fill(data))
    const { port, server } = await start(data, database?.url)
    try {
      await level(port)
      if (database !== undefined) await vacuum(database.url)
      const lines = []
      for (const route of ["site", "app"] as const) {
        await load(port, route, Math.min(seconds, 3))
        const databases = database === undefined ? [] : [database.pid(), ...children(database.pid())]
        const [ours, theirs] = [cpuOf(server.pid!), cpuOfAll(databases)]
        const { answers, ownCpu, p50, p99, perSecond, wrong } = await load(port, route, seconds)
        const per = (cpu: number) => Number((cpu / answers).toFixed(1))
        lines.push({
          database: name,
          route: route === "site" ? "/sites/{id}/installed-apps" : "/apps/{id}/sites",
          perSecond,
          perMinute: perSecond * 60,
          p50,
          p99,
          wrong,
          serverCpu: per(cpuOf(server.pid!) - ours),
          databaseCpu: per(cpuOfAll(databases) - theirs),
          loadCpu: ownCpu
        })
      }
      return lines
    } finally {
      await stop(server)
    }
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
}

const results = []
if (wanted !== "postgres") results.push(...(await measure("SQLite", undefined)))
if (wanted !== "sqlite") {
  const postgres = await startPostgres()
  try {
    results.push(...(await measure("PostgreSQL", postgres)))
  } finally {
    await postgres.end()
  }
}
console.table(results)
console.log(JSON.stringify({ bench: "query", sites: siteCount, connections, seconds, unit: "ms, µs of CPU", results }))
if (results.some(({ wrong }) => wrong > 0)) process.exit(1)
