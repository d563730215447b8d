import { Effect } from "effect"
import { once } from "node:events"
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { run } from "../cli/process.ts"

export const root = fileURLToPath(new URL("../../", import.meta.url))
const { scripts } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as {
  readonly scripts: Readonly<Record<string, string>>
}

/**
 * The flags of an npm script that starts the program under permissions, and its entry, for another port, other data, and whatever
 * else may be read.
 */
export const permissions = (script: string, { data, port }: { readonly data: string; readonly port?: string }) => {
  const flags = scripts[script]!.replace(/^(exec node|deno) /, "")
    .replaceAll("'", "")
    .split(" ")
    .map((flag) =>
      flag
        .replace(":8080", `:${port}`)
        .replace(/(?<==|,)data(\/\*)?$/, (_, all: string | undefined) => data + (all ?? ""))
    )
  const entry = flags.indexOf("topology/main.ts")
  return { before: flags.slice(0, entry), entry: flags.slice(entry) }
}

/** Relative as all paths of those flags are: tests run in the root. */
export const leaver = "test/whole/leaver.ts"

/** What a program that tries to leave, run so, is let through with, and whether it left anything behind. */
export const leave = Effect.fnUntraced(function* (binary: string, flags: ReadonlyArray<string>) {
  const elsewhere = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "elsewhere-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true }))
  )
  writeFileSync(join(elsewhere, "secret"), "secret")
  const other = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer().listen(0, "127.0.0.1")
      await once(server, "listening")
      return server
    }),
    (server) => Effect.sync(() => void server.close())
  )
  const port = String((other.address() as AddressInfo).port)
  const running = yield* run("env", "OF_SOMEBODY_ELSE=1", binary, ...flags, leaver, elsewhere, port)
  const line = yield* running.line(/^let through: /)
  yield* running.ended
  const written = readdirSync(elsewhere).filter((name) => name !== "secret")
  return { through: /^let through: (.*);/.exec(line)![1]!.split(", "), written }
})
