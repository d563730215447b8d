import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem } from "effect"
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { inject } from "vitest"
import { unique } from "../broker/clients.ts"
import { run } from "../cli/process.ts"
import { directory, eventually, getJson } from "../whole/program.ts"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const sixfold = (...args: ReadonlyArray<string>) => run(process.execPath, here("../../bin/sixfold.js"), ...args)
const topology = here("project/topology.ts")
const bootstrap = inject("bootstrap")

describe("the guide's program on a real broker", () => {
  it.live("is followed, and goes on in another process where the first has ended", () =>
    Effect.gen(function* () {
      const data = yield* directory
      const key = join(yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped(), "channel.key")
      yield* (yield* FileSystem.FileSystem).writeFileString(key, randomBytes(32).toString("base64"))
      const created = yield* sixfold("topics", topology, "--kafka", bootstrap, "--create")
      assert.deepStrictEqual(yield* created.ended, { code: 0, signal: null })

      const shared = ["--kafka", bootstrap, "--channel-key-file", key, "--app", unique("guide"), "--port", "0"]
      for (const seen of [2, 4]) {
        const program = yield* sixfold("start", topology, ...shared, "--data", data)
        const url = /http:\/\/\S+/.exec(yield* program.line(/ is up at /))![0]
        const client = yield* run(process.execPath, "--conditions=sixfold-source", here("project/follow.ts"), url)
        assert.deepStrictEqual([yield* client.ended, client.stderr()], [{ code: 0, signal: null }, ""])
        yield* eventually(getJson<{ readonly seen?: number }>(`${url}/parcels/p-1`), (row) => row.seen === seen)
        yield* program.kill("SIGTERM")
        assert.deepStrictEqual(yield* program.ended, { code: 0, signal: null })
      }
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
