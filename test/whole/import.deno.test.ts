import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { run } from "../cli/process.ts"
import { leave, leaver, permissions, root } from "./confined.ts"
import { contacts, directory, ended, eventually, fixture, sixfold } from "./program.ts"

const deno = `${root}node_modules/.bin/deno`

const freePort = Effect.callback<string>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo
    server.close(() => resume(Effect.succeed(String(port))))
  })
})

/** `npm run start:deno` with its own permissions, but at another port and with other data. */
const startOnDeno = Effect.fnUntraced(function* (data: string, port: string) {
  const { before, entry } = permissions("start:deno", { data, port })
  return yield* run(deno, ...before, ...entry, "--port", port, "--data", data)
})

describe("on Deno", () => {
  it.live("the program imports a file, drains, and goes on with its data, with no more permissions than it names", () =>
    Effect.gen(function* () {
      const [data, port] = [yield* directory, yield* freePort]
      const url = `http://127.0.0.1:${port}`
      const first = yield* startOnDeno(data, port)
      yield* first.line(/ is up at /)
      const importing = yield* sixfold("import", fixture("google.csv"), "--url", url)
      assert.deepStrictEqual([yield* importing.ended, importing.stderr()], [{ code: 0, signal: null }, ""])
      assert.strictEqual(importing.printed().at(-1), "done: 4 imported, 1 rejected")
      yield* first.kill("SIGTERM")
      assert.deepStrictEqual([yield* first.ended, first.stderr()], [{ code: 0, signal: null }, ""])
      const second = yield* startOnDeno(data, port)
      yield* second.line(/ is up at /)
      const id = importing.printed()[1]!.replace("accepted as ", "")
      assert.strictEqual((yield* ended(url, id)).state, "done")
      const found = yield* eventually(contacts(url), (all) => all.length >= 4)
      assert.include(
        found.map(({ email }) => email),
        "ada.lovelace@example.com"
      )
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("a program that tries to leave gets nowhere", () =>
    Effect.gen(function* () {
      const { before } = permissions("start:deno", { data: yield* directory, port: yield* freePort })
      const flags = before.map((flag) => (flag.startsWith("--allow-read=") ? `${flag},${leaver}` : flag))
      assert.deepStrictEqual(yield* leave(deno, flags), { through: ["nothing"], written: [] })
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
