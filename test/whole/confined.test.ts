import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import process from "node:process"
import { run } from "../cli/process.ts"
import { leave, leaver, permissions } from "./confined.ts"
import { directory, fixture, sixfold } from "./program.ts"

describe("under Node's permission model", () => {
  it.live("the program imports a file and drains, with its own directories alone", () =>
    Effect.gen(function* () {
      const data = yield* directory
      const { before, entry } = permissions("start:confined", { data })
      const running = yield* run(process.execPath, ...before, ...entry, "--port", "0", "--data", data)
      const url = /http:\/\/\S+/.exec(yield* running.line(/ is up at /))![0]
      const importing = yield* sixfold("import", fixture("google.csv"), "--url", url)
      assert.deepStrictEqual([yield* importing.ended, importing.stderr()], [{ code: 0, signal: null }, ""])
      yield* running.kill("SIGTERM")
      assert.deepStrictEqual([yield* running.ended, running.stderr()], [{ code: 0, signal: null }, ""])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("a program that tries to leave reads and writes no other file, and starts nothing", () =>
    Effect.gen(function* () {
      const { before } = permissions("start:confined", { data: yield* directory })
      const { through, written } = yield* leave(process.execPath, [...before, `--allow-fs-read=${leaver}`])
      // What Node's model does not know: SQLite's own files, the environment, the network.
      assert.deepStrictEqual(through, [
        "open a database elsewhere",
        "attach a database elsewhere",
        "read the environment",
        "connect to another port",
        "listen on another port"
      ])
      assert.deepStrictEqual(written.toSorted(), ["attached.sqlite", "opened.sqlite"])
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
