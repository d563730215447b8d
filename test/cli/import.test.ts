import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem } from "effect"
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http"
import { scriptedServer } from "../client/scripted.ts"
import type { Peer } from "../client/scripted.ts"
import { program } from "./process.ts"

const channel = { type: "channel", channel: "own", token: "t1", expires: "2030-01-01T00:00:00Z" }
const subscribed = { type: "subscribed", channel: "own", cursor: "c0", token: "t1" }

/** A status of the import `i1`, one of whose `total` parts has failed where `failed` says so. */
const status = (
  cursor: string,
  state: string,
  completed: number,
  { failed = 0, importId = "i1", rejected = 0 } = {}
) => ({
  type: "status",
  channel: "own",
  cursor,
  event: {
    kind: "import",
    importId,
    state,
    jobs: { total: 2, completed, failed },
    rows: { total: 20, imported: completed * 10 - rejected, rejected, failed: failed * 10 }
  }
})

const answer = (response: ServerResponse, code: number, body: unknown) =>
  void response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body))

const unknown = (response: ServerResponse) => answer(response, 404, { error: "UnknownImport", message: "none" })

const body = async (request: IncomingMessage) => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString("utf8")
}

/** Takes every upload as the import `i1`. */
const taking =
  (uploads: Array<unknown>): RequestListener =>
  (request, response) => {
    if (request.method === "GET") return unknown(response)
    void body(request).then((text) => {
      uploads.push([request.url, request.headers["content-type"], text])
      return answer(response, 202, { importId: "i1", channel: "own" })
    })
  }

const subscribe = Effect.fnUntraced(function* (peer: Peer) {
  peer.send(channel)
  yield* peer.next
  peer.send(subscribed)
})

const aFile = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const file = `${yield* fs.makeTempDirectoryScoped()}/contacts.csv`
  yield* fs.writeFileString(file, "email\nada@example.com\n")
  return file
})

const node = Effect.provide(NodeServices.layer)
const importing = (file: string, url: string, ...more: ReadonlyArray<string>) =>
  program("import", file, "--url", url, ...more)

describe("sixfold import", () => {
  it.live("uploads the file with its channel, shows every change of this import once, and ends with the counts", () =>
    Effect.gen(function* () {
      const uploads: Array<unknown> = []
      const server = yield* scriptedServer(taking(uploads))
      const running = yield* importing(yield* aFile, server.url)
      const peer = yield* server.accept
      yield* subscribe(peer)
      // Its first status may come before the answer that names it.
      peer.send(status("c1", "accepted", 0))
      yield* running.line(/^accepted as i1$/)
      assert.deepStrictEqual(uploads, [["/imports?channel=own", "text/csv", "email\nada@example.com\n"]])
      peer.send(status("c2", "done", 2, { importId: "another" }))
      peer.send({ ...status("c3", "running", 1), event: { kind: "import", importId: "i1", state: "confused" } })
      peer.send(status("c4", "running", 1))
      peer.send(status("c5", "running", 1))
      peer.send(status("c6", "done", 2, { rejected: 3 }))
      yield* running.line(/^done: 17 imported, 3 rejected$/)
      assert.deepStrictEqual(yield* running.ended, { code: 0, signal: null })
      assert.strictEqual(running.stderr(), "")
      assert.deepStrictEqual(running.printed().slice(2), [
        "accepted   [..............................]   0 %  0 imported, 0 rejected",
        "running    [###############...............]  50 %  10 imported, 0 rejected",
        "done       [##############################] 100 %  17 imported, 3 rejected",
        `rejected rows: GET ${server.url}/imports/i1/rejects`,
        "done: 17 imported, 3 rejected"
      ])
    }).pipe(node)
  )

  it.live("goes on where it was when the server comes back", () =>
    Effect.gen(function* () {
      const server = yield* scriptedServer(taking([]))
      const running = yield* importing(yield* aFile, server.url)
      const first = yield* server.accept
      yield* subscribe(first)
      yield* running.line(/^accepted as/)
      first.send(status("c1", "running", 1))
      yield* running.line(/^running/)
      first.socket.close(1012, JSON.stringify({ retry: 1 }))
      const second = yield* server.accept
      second.send({ ...channel, channel: "another" })
      assert.deepStrictEqual(yield* second.next, { type: "unsubscribe", channel: "another" })
      assert.deepStrictEqual(yield* second.next, { type: "subscribe", channel: "own", token: "t1", after: "c1" })
      second.send(subscribed)
      second.send(status("c2", "done", 2))
      assert.deepStrictEqual(yield* running.ended, { code: 0, signal: null })
    }).pipe(node)
  )

  it.live.each([
    ["incomplete", 1, "10 imported, 0 rejected, 10 failed"],
    ["failed", 0, "0 imported, 0 rejected, 10 failed"],
    ["cancelled", 1, "10 imported, 0 rejected, 10 failed"]
  ] as const)("ends with 1 for an import that is %s", ([state, completed, rows]) =>
    Effect.gen(function* () {
      const server = yield* scriptedServer(taking([]))
      const running = yield* importing(yield* aFile, server.url)
      const peer = yield* server.accept
      yield* subscribe(peer)
      peer.send(status("c1", state, completed, { failed: 1 }))
      assert.deepStrictEqual(yield* running.ended, { code: 1, signal: null })
      assert.strictEqual(running.stderr(), `sixfold: the import is ${state}: ${rows}\n`)
    }).pipe(node)
  )

  it.live("ends with 1 and the server's own words when the file is refused", () =>
    Effect.gen(function* () {
      const refusing: RequestListener = (request, response) => {
        if (request.method === "GET") return unknown(response)
        answer(response, 400, { error: "NotCsv", message: "no column holds e-mail addresses" })
      }
      const server = yield* scriptedServer(refusing)
      const running = yield* importing(yield* aFile, server.url)
      yield* subscribe(yield* server.accept)
      assert.deepStrictEqual(yield* running.ended, { code: 1, signal: null })
      assert.strictEqual(running.stderr(), "sixfold: no column holds e-mail addresses\n")
    }).pipe(node)
  )

  it.live("ends with 1 where nobody listens, or somebody else does, or the token is refused", () =>
    Effect.gen(function* () {
      const file = yield* aFile
      const nobody = yield* Effect.scoped(scriptedServer(() => undefined))
      const stranger = yield* scriptedServer((_, response) => void response.end("hello"))
      const strict = yield* scriptedServer((_, response) =>
        answer(response, 401, { error: "Unauthorized", message: "a token is needed" })
      )
      for (const [{ url }, told] of [
        [nobody, /^sixfold: cannot reach http:\/\/127\.0\.0\.1:\d+: .+\n$/],
        [stranger, /^sixfold: http:\/\/127\.0\.0\.1:\d+ is not a Sixfold server\n$/],
        [strict, /^sixfold: http:\/\/127\.0\.0\.1:\d+: a token is needed\n$/]
      ] as const) {
        const running = yield* importing(file, url)
        assert.deepStrictEqual(yield* running.ended, { code: 1, signal: null })
        assert.match(running.stderr(), told)
      }
    }).pipe(node)
  )

  it.live("ends with 1 when the upload breaks off", () =>
    Effect.gen(function* () {
      const server = yield* scriptedServer((request, response) => {
        if (request.method === "GET") return unknown(response)
        request.socket.destroy()
      })
      const running = yield* importing(yield* aFile, server.url)
      yield* subscribe(yield* server.accept)
      assert.deepStrictEqual(yield* running.ended, { code: 1, signal: null })
      assert.match(running.stderr(), /^sixfold: the upload to \S+ broke off: .+\n$/)
    }).pipe(node)
  )

  it.live("ends with 2 for a file that is not there or is none, and asks nobody", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      let requests = 0
      const server = yield* scriptedServer((_, response) => {
        requests++
        unknown(response)
      })
      for (const [file, why] of [
        [`${directory}/absent.csv`, "NotFound"],
        [directory, "it is not a file"]
      ] as const) {
        const running = yield* importing(file, server.url)
        assert.deepStrictEqual(yield* running.ended, { code: 2, signal: null })
        assert.strictEqual(running.stderr(), `sixfold: cannot read ${file}: ${why}\n`)
      }
      assert.strictEqual(requests, 0)
    }).pipe(node)
  )
})
