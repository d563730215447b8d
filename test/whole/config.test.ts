import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { listening } from "../http/events.ts"
import { directory, getJson, start } from "./program.ts"

const send = (method: string, url: string, value?: unknown, headers: Record<string, string> = {}) =>
  Effect.promise(async () => {
    const body = value === undefined ? {} : { body: JSON.stringify(value) }
    const response = await fetch(url, { method, headers: { "content-type": "application/json", ...headers }, ...body })
    return { status: response.status, etag: response.headers.get("etag") }
  })

interface Entries {
  readonly entries: ReadonlyArray<{ readonly key: string; readonly version: number; readonly value: unknown }>
}
interface Node {
  readonly name: string
  readonly kind: string
  readonly dependsOn: ReadonlyArray<string>
  readonly inbox: ReadonlyArray<string>
  readonly emits: ReadonlyArray<string>
  readonly start: number
}

const entries = (url: string) =>
  Effect.map(getJson<Entries>(`${url}/config`), ({ entries }) =>
    entries.toSorted((a, b) => (a.key < b.key ? -1 : 1)).map(({ key, value, version }) => [key, version, value])
  )

describe("the configuration", () => {
  it.live(
    "is all there after every kill, versions and deletions too; its changes come as they are made",
    () =>
      Effect.gen(function* () {
        const data = yield* directory
        let running = yield* start(data)
        const { port, url } = running
        const counter = `${url}/config/counter`
        for (let round = 1; round <= 3; round++) {
          const changes = yield* listening(Number(port), "/config/changes")
          const known = round === 1 ? 0 : 2 // `counter` and `kept`
          yield* changes.until(known)
          // Each adds one to what it has read; of two who read the same, one wins.
          const condition = round === 1 ? { "if-none-match": "*" } : { "if-match": `"${round - 1}"` }
          const raced = yield* Effect.all(
            [send("PUT", counter, round, condition), send("PUT", counter, round, condition)],
            {
              concurrency: "unbounded"
            }
          )
          assert.sameMembers(
            raced.map(({ status }) => status),
            [round === 1 ? 201 : 200, 412]
          )
          assert.deepStrictEqual(
            raced.map(({ etag }) => etag),
            [`"${round}"`, `"${round}"`]
          )
          yield* send("PUT", `${url}/config/kept`, { round })
          yield* send("PUT", `${url}/config/gone`, round)
          assert.strictEqual((yield* send("DELETE", `${url}/config/gone`)).status, 200)
          yield* changes.until(known + 4)
          const change = (key: string, version: number, value?: unknown) => ({
            event: "change",
            data: { key, version, ...(value === undefined ? {} : { value }) }
          })
          const gone = 2 * round
          assert.sameDeepMembers(changes.events().slice(known), [
            change("counter", round, round),
            change("kept", round, { round }),
            change("gone", gone - 1, round),
            change("gone", gone)
          ])
          yield* running.kill("SIGKILL")
          yield* running.ended
          yield* changes.closed
          running = yield* start(data, port)
          assert.deepStrictEqual(yield* entries(url), [
            ["counter", round, round],
            ["kept", round, { round }]
          ])
          assert.strictEqual((yield* send("GET", `${url}/health/ready`)).status, 200)
        }

        // A process that is asked to stop tells those who listen, and does not wait for them.
        const changes = yield* listening(Number(port), "/config/changes")
        yield* changes.until(2)
        yield* running.kill("SIGTERM")
        assert.deepStrictEqual(yield* running.ended, { code: 0, signal: null })
        yield* changes.closed
        assert.deepStrictEqual(changes.events().at(-1), { event: "end", data: { reason: "restart" } })
      }).pipe(Effect.provide(NodeServices.layer)),
    60_000
  )

  it.live("is a node of the topology, whose writer runs where --actors says", () =>
    Effect.gen(function* () {
      const running = yield* start(yield* directory, undefined, "--actors", "gateway")
      const { nodes } = yield* getJson<{ readonly nodes: ReadonlyArray<Node> }>(`${running.url}/topology`)
      const node = (name: string) => nodes.find((node) => node.name === name)!
      assert.deepInclude(node("site-config"), {
        kind: "kv",
        inbox: ["site-config.commands"],
        emits: ["site-config", "site-config.results"],
        start: 1
      })
      for (const name of ["contacts-import", "renewals"]) assert.include(node(name).dependsOn, "site-config")
      assert.deepInclude(yield* getJson<object>(`${running.url}/actors/site-config`), { kind: "kv", state: "stopped" })
      // The replica is here all the same.
      assert.deepStrictEqual(yield* entries(running.url), [])
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
