import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { SqlClient } from "effect/sql"
import { fileURLToPath } from "node:url"
import { inject } from "vitest"
import { Postgres } from "../../src/projection/postgres.ts"
import { run } from "../cli/process.ts"
import { named } from "./world.ts"

const main = fileURLToPath(new URL("../../topology/main.ts", import.meta.url))

/** A second database of the same server. */
const another = Effect.gen(function* () {
  const name = named("other").replaceAll("-", "_")
  const create = SqlClient.SqlClient.use((sql) => sql`CREATE DATABASE ${sql(name)}`)
  yield* Effect.provide(create, Postgres.layer(inject("postgres")))
  const url = new URL(inject("postgres"))
  url.pathname = `/${name}`
  return url.href
})

/** As it is named to people: without its password. */
const told = (url: string) => `PostgreSQL at ${new URL(url).host}${new URL(url).pathname}`

/**
 * An application of its own on the topics of all: only its gateway runs, which takes nothing from them. Who is refused has started
 * nothing yet.
 */
const system = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped()
  const keyFile = `${directory}/channel-key`
  yield* fs.writeFileString(keyFile, "0123456789abcdef".repeat(4), { mode: 0o600 })
  const shared = ["--kafka", inject("bootstrap"), "--app", named("app"), "--channel-key-file", keyFile, "--port", "0"]
  return {
    directory,
    start: (instance: string, ...flags: ReadonlyArray<string>) => {
      const own = ["--instance", instance, "--data", `${directory}/${instance}`]
      const actors = flags.includes("--actors") ? [] : ["--actors", "gateway"]
      return run(process.execPath, main, "start", ...shared, ...own, ...actors, ...flags)
    }
  }
})

it.live(
  "a process with another database than the others' ends with 2, and names both; those that were there go on",
  () =>
    Effect.gen(function* () {
      const { directory, start } = yield* system
      const [theirs, other] = [inject("postgres"), yield* another]
      const first = yield* start("first", "--database", theirs)
      const url = /http:\/\/\S+/.exec(yield* first.line(/ is up at /))![0]
      const wrong = [
        ["elsewhere", told(other), "--database", other],
        ["embedded", `SQLite in ${directory}/embedded`],
        // Also where there is nothing to ask: its tables would be others.
        ["worker", told(other), "--database", other, "--actors", "contacts-view"]
      ] as const
      for (const [instance, its, ...flags] of wrong) {
        const process = yield* start(instance, ...flags)
        assert.deepStrictEqual(yield* process.ended, { code: 2, signal: null })
        assert.include(process.stderr(), `${its}, process first of the same application in ${told(theirs)}`)
        assert.match(process.stderr(), /^sixfold: [^\n]* --database\n$/)
        assert.notInclude(process.stderr(), `${new URL(theirs).password}@`)
      }
      const second = yield* start("second", "--database", theirs)
      yield* second.line(/ is up at /)
      const { status } = yield* Effect.promise(() => fetch(`${url}/health/ready`))
      assert.strictEqual(status, 200)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
  240_000
)

it.live(
  "of two that begin at once with different databases, one at most stays",
  () =>
    Effect.gen(function* () {
      const { start } = yield* system
      const both = yield* Effect.all(
        [start("one", "--database", inject("postgres")), start("two", "--database", yield* another)],
        { concurrency: 2 }
      )
      const up = both.map(({ line }) => Effect.as(line(/ is up at /), "up" as const))
      const ends = both.map(({ ended }) => Effect.map(ended, ({ code }) => code))
      const outcomes = yield* Effect.forEach([0, 1], (n) => Effect.raceFirst(ends[n]!, up[n]!), { concurrency: 2 })
      assert.include([`2,2`, `2,up`, `up,2`], outcomes.join())
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
  240_000
)
