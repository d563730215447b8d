import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { inject } from "vitest"
import { run, type Running } from "../cli/process.ts"
import { directory, eventually, getJson } from "../whole/program.ts"
import { deno, root } from "./project.ts"

const inProject = (path: string) => join(inject("folder"), path)
const sixfold = inProject("node_modules/.bin/sixfold")
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly version: string }

/** A program, once it says where it listens. */
const up = Effect.fnUntraced(function* (binary: string, ...args: ReadonlyArray<string>) {
  const program = yield* run(binary, ...args, "--port", "0", "--data", yield* directory)
  const line = yield* program.line(/ is up at /)
  return { program, url: /https?:\/\/\S+/.exec(line)![0] }
})

const endsWell = Effect.fnUntraced(function* (program: Running) {
  assert.deepStrictEqual([yield* program.ended, program.stderr()], [{ code: 0, signal: null }, ""])
})

const follows = Effect.fnUntraced(function* (binary: string, ...args: ReadonlyArray<string>) {
  const client = yield* run(binary, ...args)
  yield* endsWell(client)
  const places = client.printed().map((line) => /place: .(\w+)/.exec(line)?.[1])
  assert.deepStrictEqual(places, ["depot", "door"])
})

describe("the guide's program", () => {
  it.live("runs from the package, is followed on Node and on Deno, and drains", () =>
    Effect.gen(function* () {
      const { program, url } = yield* up(sixfold, "start", inProject("topology.ts"))
      yield* follows(process.execPath, inProject("follow.ts"), url)
      yield* follows(deno, "run", "--no-prompt", "--allow-net=127.0.0.1", inProject("follow.ts"), url)
      yield* eventually(getJson<{ seen?: number }>(`${url}/parcels/p-1`), ({ seen }) => seen === 4)
      for (const command of ["status", "dead-letters tracker", "keys tracker pause p-1", "keys tracker resume p-1"]) {
        yield* endsWell(yield* run(sixfold, ...command.split(" "), "--url", url))
      }
      yield* program.kill("SIGTERM")
      yield* endsWell(program)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("runs on Deno as a program of its own", () =>
    Effect.gen(function* () {
      const { program, url } = yield* up(deno, "run", "--no-prompt", "--allow-all", inProject("main.ts"), "start")
      yield* follows(process.execPath, inProject("follow.ts"), url)
      yield* program.kill("SIGTERM")
      yield* endsWell(program)
    }).pipe(Effect.provide(NodeServices.layer))
  )
})

/** What a page and its modules load: paths of this origin. */
const loadedBy = (text: string, at: string): ReadonlyArray<string> =>
  [...text.matchAll(/(?:href|src)="(\/?[\w./-]+)"|(?:from|import\(?)\s*"(\.{0,2}\/[\w./-]+)"/g)].map(
    (match) => new URL((match[1] ?? match[2])!, at).href
  )

describe("the six patterns", () => {
  it.live("run from the package: the page with all it loads, the routes, the version", () =>
    Effect.gen(function* () {
      const told = yield* run(sixfold, "--version")
      yield* endsWell(told)
      assert.deepStrictEqual(told.printed(), [`sixfold v${version}`])
      const { program, url } = yield* up(sixfold, "start")
      const statuses = new Map<string, number>()
      const queue = [`${url}/`, `${url}/openapi.json`, `${url}/health/ready`]
      for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
        if (statuses.has(next)) continue
        const at = next
        const { status, text } = yield* Effect.promise(async () => {
          const response = await fetch(at)
          return { status: response.status, text: await response.text() }
        })
        statuses.set(at, status)
        if (/\/([\w-]+\.js)?$/.test(at)) queue.push(...loadedBy(text, at))
      }
      assert.isAbove(statuses.size, 5)
      assert.deepStrictEqual(
        [...statuses].filter(([, status]) => status !== 200),
        []
      )
      yield* program.kill("SIGTERM")
      yield* endsWell(program)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("come without the benchmarks, and say so", () =>
    Effect.gen(function* () {
      const asked = yield* run(sixfold, "bench")
      assert.deepStrictEqual(yield* asked.ended, { code: 2, signal: null })
      assert.include(asked.stderr(), "are not in this installation")
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
