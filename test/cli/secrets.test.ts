import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { WebSocket } from "ws"
import { collector } from "./collector.ts"
import { run } from "./process.ts"

const main = fileURLToPath(new URL("../../topology/main.ts", import.meta.url))
const secret = "the-token-nobody-may-see"
const channelKey = Buffer.alloc(32, "channel key").toString("base64url")
const node = Effect.provide(NodeServices.layer)

const directory = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = yield* fs.makeTempDirectoryScoped()
  const write = (name: string, text: string) =>
    Effect.as(fs.writeFileString(path.join(root, name), text, { mode: 0o600 }), path.join(root, name))
  return {
    data: path.join(root, "data"),
    tokenFile: yield* write("token", secret),
    keyFile: yield* write("key", channelKey)
  }
})

/** Opens a socket with this token; the token of its channel, or nothing where it was refused. */
const channelToken = (url: string, token: string) =>
  Effect.promise(async () => {
    const bearer = `sixfold.bearer.${Buffer.from(token).toString("base64url")}`
    const socket = new WebSocket(`${url.replace("http", "ws")}/channels`, ["sixfold.v1", bearer])
    const refused = once(socket, "error").then(() => undefined)
    const found = once(socket, "message").then(([data]) => {
      const { channel, token } = JSON.parse(String(data)) as { readonly channel: string; readonly token: string }
      socket.send(JSON.stringify({ type: "subscribe", channel, token: `${token}x` }))
      return token
    })
    const given = await Promise.race([found, refused])
    socket.close()
    return given
  })

describe("a secret", () => {
  it.live("is in no log line, trace or answer, whoever comes with it, right or wrong", () =>
    Effect.gen(function* () {
      const { data, keyFile, tokenFile } = yield* directory
      const { got, url: endpoint } = yield* collector
      const exporting = [`OTEL_EXPORTER_OTLP_ENDPOINT=${endpoint}`, "OTEL_EXPORTER_OTLP_PROTOCOL=http/json"]
      const files = ["--data", data, "--token-file", tokenFile, "--channel-key-file", keyFile]
      const running = yield* run(
        "env",
        ...exporting.concat(process.execPath, main, "start", "--port", "0", "--log", "json", files)
      )
      const url = /http:\/\/[\w.:]+/.exec(yield* running.line(/ is up at /))![0]
      const ask = (path: string, token: string, init: RequestInit = {}) =>
        Effect.promise(async () => {
          const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }
          const response = await fetch(`${url}${path}`, { ...init, headers })
          return { status: response.status, text: await response.text() }
        })
      const wrong = `${secret}-not`
      const answers = [
        yield* ask("/actors", secret),
        yield* ask("/actors", wrong),
        yield* ask("/config/k", secret, { method: "PUT", body: "{" }),
        yield* ask("/nowhere", secret),
        yield* ask("/topology", secret),
        yield* ask("/metrics", secret)
      ]
      assert.deepStrictEqual(
        answers.map(({ status }) => status),
        [200, 401, 400, 404, 200, 200]
      )
      const given = yield* channelToken(url, secret)
      assert.isDefined(given)
      assert.isUndefined(yield* channelToken(url, wrong))
      yield* running.kill("SIGTERM")
      assert.strictEqual((yield* running.ended).code, 0)

      const told = [
        ...running.printed(),
        running.stderr(),
        ...answers.map(({ text }) => text),
        JSON.stringify(got)
      ].join("\n")
      assert.isAbove(got.length, 0)
      for (const each of [secret, Buffer.from(secret).toString("base64url"), channelKey, given]) {
        assert.notInclude(told, each)
      }
    }).pipe(node)
  )

  it.live("of a database that does not answer is not told with its address", () =>
    Effect.gen(function* () {
      const { data } = yield* directory
      const database = "postgres://somebody:password-nobody-may-see@127.0.0.1:9/there"
      const running = yield* run(process.execPath, main, "start", "--port", "0", "--data", data, "--database", database)
      assert.strictEqual((yield* running.ended).code, 1)
      const told = [...running.printed(), running.stderr()].join("\n")
      assert.include(told, "127.0.0.1:9")
      assert.notInclude(told, "password-nobody-may-see")
    }).pipe(node)
  )
})
