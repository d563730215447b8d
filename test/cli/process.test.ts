import { expect, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem, Path } from "effect"
import { describe } from "vitest"
import { program } from "./process.ts"
import type { Running } from "./process.ts"

/** A data directory for one test. */
const directory = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  return (yield* Path.Path).join(yield* fs.makeTempDirectoryScoped(), "data")
})

const start = (data: string, ...args: ReadonlyArray<string>) => program("start", "--port", "0", "--data", data, ...args)

/** Where the process listens, once it does. */
const address = (running: Pick<Running, "line">) =>
  Effect.map(running.line(/ is up at /), (line) => /http:\/\/\S+/.exec(line)![0])

const say = (url: string, word: string) =>
  Effect.promise(async () => (await fetch(`${url}/words/${word}`, { method: "POST" })).status)

const node = Effect.provide(NodeServices.layer)

describe("a process", () => {
  it.live("takes messages, and ends well at SIGTERM", () =>
    Effect.gen(function* () {
      const running = yield* start(yield* directory)
      expect(yield* say(yield* address(running), "hello")).toBe(202)
      yield* running.line(/counted hello 1/)
      yield* running.kill("SIGTERM")
      expect(yield* running.ended).toEqual({ code: 0, signal: null })
      yield* running.line(/drained/)
      expect(running.stderr()).toBe("")
    }).pipe(node)
  )

  it.live("tells of an operator's command with the beginning of the key: it may be long, and somebody's address", () =>
    Effect.gen(function* () {
      const running = yield* start(yield* directory)
      const url = yield* address(running)
      const key = "ada@example.com ".repeat(60)
      const path = `/actors/counter/keys/${encodeURIComponent(key)}/pause`
      expect(yield* Effect.promise(async () => (await fetch(`${url}${path}`, { method: "POST" })).status)).toBe(202)
      const line = yield* running.line(/counter: pause key "ada@/)
      expect(line.length).toBeLessThan(150)
    }).pipe(node)
  )

  it.live("goes on after SIGKILL where it was", () =>
    Effect.gen(function* () {
      const data = yield* directory
      const first = yield* start(data)
      const url = yield* address(first)
      yield* say(url, "hello")
      yield* say(url, "hello")
      yield* first.line(/counted hello 2/)
      yield* first.kill("SIGKILL")
      expect((yield* first.ended).signal).toBe("SIGKILL")
      const second = yield* start(data)
      yield* say(yield* address(second), "hello")
      yield* second.line(/counted hello 3/)
    }).pipe(node)
  )

  it.live("refuses a data directory that another one uses, and leaves that one alone", () =>
    Effect.gen(function* () {
      const data = yield* directory
      const first = yield* start(data)
      const url = yield* address(first)
      const second = yield* start(data)
      expect(yield* second.ended).toEqual({ code: 2, signal: null })
      expect(second.stderr().trimEnd().split("\n")).toEqual([expect.stringContaining(data) as string])
      yield* say(url, "hello")
      yield* first.line(/counted hello 1/)
    }).pipe(node)
  )

  it.live("ends at once at a second signal", () =>
    Effect.gen(function* () {
      const running = yield* start(yield* directory, "--drain", "3600")
      yield* say(yield* address(running), "slow")
      yield* running.line(/counted slow/)
      yield* running.kill("SIGTERM")
      yield* running.line(/draining/)
      yield* running.kill("SIGTERM")
      expect(yield* running.ended).toEqual({ code: 1, signal: null })
      expect(running.stderr()).toBe("sixfold: SIGTERM while draining: stopped at once\n")
    }).pipe(node)
  )

  it.live("ends when its drain takes longer than it may", () =>
    Effect.gen(function* () {
      const running = yield* start(yield* directory, "--drain", "0")
      yield* say(yield* address(running), "slow")
      yield* running.line(/counted slow/)
      yield* running.kill("SIGINT")
      expect(yield* running.ended).toEqual({ code: 1, signal: null })
      expect(running.stderr()).toBe("sixfold: not drained within 0 s: stopped at once\n")
    }).pipe(node)
  )

  it.live("fails in one line when its port is taken", () =>
    Effect.gen(function* () {
      const first = yield* start(yield* directory)
      const { port } = new URL(yield* address(first))
      const second = yield* program("start", "--port", port, "--data", yield* directory)
      expect(yield* second.ended).toEqual({ code: 1, signal: null })
      expect(second.stderr().trimEnd().split("\n")).toEqual([expect.stringContaining(port) as string])
    }).pipe(node)
  )

  it.live("does not open itself to the network without a token", () =>
    Effect.gen(function* () {
      const data = yield* directory
      const running = yield* start(data, "--host", "0.0.0.0")
      expect(yield* running.ended).toEqual({ code: 2, signal: null })
      expect(running.stderr()).toMatch(/^sixfold: --host 0\.0\.0\.0 is not loopback: .*--token-file\)\n$/)
      expect(yield* (yield* FileSystem.FileSystem).exists(data)).toBe(false)
    }).pipe(node)
  )

  it.live("refuses a channel key it cannot read before it touches anything", () =>
    Effect.gen(function* () {
      const data = yield* directory
      const running = yield* start(data, "--channel-key-file", `${data}/no.key`)
      expect(yield* running.ended).toEqual({ code: 2, signal: null })
      expect(running.stderr()).toContain("no.key")
      expect(yield* (yield* FileSystem.FileSystem).exists(data)).toBe(false)
    }).pipe(node)
  )

  it.live("does not start on brokers without a channel key all its processes share", () =>
    Effect.gen(function* () {
      const data = yield* directory
      const running = yield* start(data, "--kafka", "127.0.0.1:1")
      expect(yield* running.ended).toEqual({ code: 2, signal: null })
      expect(running.stderr()).toMatch(/^sixfold: --kafka needs --channel-key-file: [^\n]*\n$/)
      expect(yield* (yield* FileSystem.FileSystem).exists(data)).toBe(false)
    }).pipe(node)
  )

  it.live("refuses a token file it cannot read, or that holds no token", () =>
    Effect.gen(function* () {
      const data = yield* directory
      const fs = yield* FileSystem.FileSystem
      const short = (yield* Path.Path).join(yield* fs.makeTempDirectoryScoped(), "token")
      yield* fs.writeFileString(short, "secret\n")
      for (const file of [`${data}/absent`, short]) {
        const running = yield* start(data, "--token-file", file)
        expect(yield* running.ended).toEqual({ code: 2, signal: null })
        expect(running.stderr()).toContain(file)
        expect(running.stderr()).not.toContain("secret")
      }
      expect(yield* fs.exists(data)).toBe(false)
    }).pipe(node)
  )

  it.live("writes its log as JSON when asked to", () =>
    Effect.gen(function* () {
      const running = yield* start(yield* directory, "--log", "json", "--actors", "counter")
      const line = yield* running.line(/"message"/)
      expect(JSON.parse(line)).toMatchObject({ level: "INFO" })
    }).pipe(node)
  )

  it.live("shows the topics of its data directory, and makes them", () =>
    Effect.gen(function* () {
      const data = yield* directory
      const before = yield* program("topics", "--data", data)
      expect(yield* before.ended).toEqual({ code: 1, signal: null })
      yield* before.line(/words +12 partitions +delete +missing/)
      const after = yield* program("topics", "--create", "--data", data)
      expect(yield* after.ended).toEqual({ code: 0, signal: null })
      yield* after.line(/counter\.state +12 partitions +compact +as declared/)
    }).pipe(node)
  )
})
