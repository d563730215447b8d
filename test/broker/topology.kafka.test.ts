import { expect, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem, Path, Schedule, Schema } from "effect"
import { fileURLToPath } from "node:url"
import { describe, inject } from "vitest"
import { run } from "../cli/process.ts"
import type { Running } from "../cli/process.ts"
import { generateContacts } from "../fixtures/generate-contacts.ts"
import { unique } from "./clients.ts"

const main = fileURLToPath(new URL("../../topology/main.ts", import.meta.url))
const everything = "gateway,contacts-import,import-jobs,import-progress,contacts-view,imports-view,import-rejects-view"

const start = (...args: ReadonlyArray<string>) =>
  run(process.execPath, main, "start", "--kafka", inject("bootstrap"), "--port", "0", ...args)

/** Where the process listens, once it does. */
const address = (running: Pick<Running, "line">) =>
  Effect.map(running.line(/ is up at /), (line) => /http:\/\/\S+/.exec(line)![0])

const request = (url: string, init?: RequestInit) =>
  Effect.promise(async (): Promise<unknown> => (await fetch(url, init)).json())

const Import = Schema.Struct({
  state: Schema.String,
  jobs: Schema.Struct({ total: Schema.NullOr(Schema.Int), completed: Schema.Int, failed: Schema.Int }),
  rows: Schema.Struct({
    total: Schema.NullOr(Schema.Int),
    imported: Schema.Int,
    rejected: Schema.Int,
    failed: Schema.Int
  })
})
const Replicas = Schema.Array(
  Schema.Struct({
    name: Schema.String,
    replicas: Schema.Array(
      Schema.Struct({ state: Schema.String, partitions: Schema.Array(Schema.Struct({ partition: Schema.Int })) })
    )
  })
)

/** How many partitions the process's own replica of `import-jobs` has. */
const partitionsOfJobs = Effect.fnUntraced(function* (url: string) {
  const actors = yield* Schema.decodeUnknownEffect(Replicas)(yield* request(`${url}/health/actors`))
  const jobs = actors.find(({ name }) => name === "import-jobs")!
  return jobs.replicas.flatMap(({ partitions }) => partitions).length
})

const upload = Effect.fnUntraced(function* (url: string, rows: number, prefix: string) {
  const body = Buffer.concat([...generateContacts({ rows, prefix, rejectEvery: 10 })])
  const answer = yield* request(`${url}/imports`, { method: "POST", body, headers: { "content-type": "text/csv" } })
  return (yield* Schema.decodeUnknownEffect(Schema.Struct({ importId: Schema.String }))(answer)).importId
})

/** The import when it has come so far. The view learns of it a little later than the upload does. */
const follow = (url: string, importId: string, far: (status: typeof Import.Type) => boolean) =>
  request(`${url}/imports/${importId}`).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(Import)),
    Effect.filterOrFail(far),
    Effect.retry(Schedule.spaced("50 millis")),
    Effect.timeout("120 seconds")
  )
const ended = (url: string, importId: string) =>
  follow(url, importId, ({ state }) => state !== "accepted" && state !== "running")

const until = <E>(condition: Effect.Effect<boolean, E>) =>
  Effect.repeat(condition, { until: (is) => is, schedule: Schedule.spaced("200 millis") }).pipe(
    Effect.timeout("90 seconds")
  )

describe("two processes on one broker", () => {
  const settings = Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped()
    const at = (name: string) => Path.Path.useSync((path) => path.join(directory, name))
    yield* fs.writeFileString(yield* at("key"), `${"k".repeat(43)}\n`)
    return { at, shared: ["--channel-key-file", yield* at("key"), "--app", unique("app")] }
  })

  it.live("cannot share a data directory, nor a name: the older of the two ends", () =>
    Effect.gen(function* () {
      const { at, shared } = yield* settings
      const jobs = [...shared, "--actors", "gateway,contacts-import,import-jobs", "--instance", "one"]
      const first = yield* start(...jobs, "--data", yield* at("a"))
      yield* address(first)
      const neighbour = yield* start(...jobs, "--data", yield* at("a"))
      expect(yield* neighbour.ended).toEqual({ code: 2, signal: null })
      expect(neighbour.stderr()).toMatch(/^sixfold: [^\n]*in use by another process\n$/)
      const namesake = yield* start(...jobs, "--data", yield* at("b"))
      yield* address(namesake)
      const url = yield* address(first)
      yield* Effect.ignore(upload(url, 20_000, "fenced"))
      expect(yield* first.ended).toEqual({ code: 1, signal: null })
      expect(first.stderr()).toMatch(/^sixfold: two processes share instance one[^\n]*\n$/)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )

  it.live(
    "share the work of an import; when one is killed the other ends it, and each row counts once",
    () =>
      Effect.gen(function* () {
        const { at, shared } = yield* settings
        const first = yield* start(...shared, "--data", yield* at("a"), "--actors", everything)
        const url = yield* address(first)
        yield* until(Effect.map(partitionsOfJobs(url), (count) => count === 12))
        const second = yield* start(...shared, "--data", yield* at("b"), "--actors", "import-jobs")
        yield* until(Effect.map(partitionsOfJobs(url), (count) => count === 6))

        const rows = { total: 60_000, imported: 54_000, rejected: 6_000, failed: 0 }
        const together = yield* ended(url, yield* upload(url, 60_000, "together"))
        expect(together).toMatchObject({ state: "done", rows })
        // Those of the partitions that the first process does not have were the second one's.
        expect(together.jobs.total).toBeGreaterThan(20)

        const importId = yield* upload(url, 60_000, "killed")
        yield* follow(url, importId, ({ jobs }) => jobs.completed > 0)
        yield* second.kill("SIGKILL")
        expect(yield* ended(url, importId)).toMatchObject({ state: "done", rows })
        expect(yield* partitionsOfJobs(url)).toBe(12)
        yield* first.kill("SIGTERM")
        expect(yield* first.ended).toEqual({ code: 0, signal: null })
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
    400_000
  )
})
