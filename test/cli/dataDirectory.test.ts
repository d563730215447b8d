import { expect, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem, Path, Random } from "effect"
import { describe } from "vitest"
import { open } from "../../src/cli/dataDirectory.ts"

/** A directory that does not exist yet, in one that goes away after the test. */
const fresh = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  return (yield* Path.Path).join(yield* fs.makeTempDirectoryScoped(), "data")
})

const put = (directory: string, file: string, text: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    yield* fs.makeDirectory(directory, { recursive: true })
    yield* fs.writeFileString((yield* Path.Path).join(directory, file), text)
  })

const refusal = (directory: string) => Effect.map(Effect.flip(open(directory)), ({ message }) => message)
const node = Effect.provide(NodeServices.layer)

describe("data directory", () => {
  it.effect("keeps the name it gave its process", () =>
    Effect.gen(function* () {
      const data = yield* fresh
      const first = yield* open(data)
      expect(first).toEqual({ path: data, instance: expect.stringMatching(/^p[0-9a-f]{8}$/) as string })
      expect(yield* open(data)).toEqual(first)
    }).pipe(node)
  )

  it.effect("names two directories differently", () =>
    Effect.gen(function* () {
      const [one, other] = [yield* open(yield* fresh), yield* open(yield* fresh)]
      expect(one.instance).not.toBe(other.instance)
    }).pipe(node, Random.withSeed("names"))
  )

  it.effect("is the same for two processes that make it at the same time", () =>
    Effect.gen(function* () {
      const data = yield* fresh
      const opened = yield* Effect.all(Array<ReturnType<typeof open>>(8).fill(open(data)), { concurrency: "unbounded" })
      expect(new Set(opened.map(({ instance }) => instance)).size).toBe(1)
      expect(yield* (yield* FileSystem.FileSystem).readDirectory(data)).toEqual(["sixfold.json"])
    }).pipe(node)
  )

  it.effect("leaves a directory alone that is not ours", () =>
    Effect.gen(function* () {
      const data = yield* fresh
      yield* put(data, "thesis.txt", "")
      expect(yield* refusal(data)).toBe(
        `cannot use --data ${data}: it is not a Sixfold data directory (it holds thesis.txt)`
      )
      expect(yield* (yield* FileSystem.FileSystem).readDirectory(data)).toEqual(["thesis.txt"])
    }).pipe(node)
  )

  it.effect("refuses a directory of a newer version", () =>
    Effect.gen(function* () {
      const data = yield* fresh
      yield* put(data, "sixfold.json", '{"format":2,"instance":"a"}')
      expect(yield* refusal(data)).toContain("newer version of Sixfold")
    }).pipe(node)
  )

  it.effect.each(["", "{", '{"format":"1"}', "null"])("refuses a damaged marker: %s", (text) =>
    Effect.gen(function* () {
      const data = yield* fresh
      yield* put(data, "sixfold.json", text)
      expect(yield* refusal(data)).toContain("its sixfold.json is damaged")
    }).pipe(node)
  )

  it.effect("goes on after a crash between the draft of the marker and the marker", () =>
    Effect.gen(function* () {
      const data = yield* fresh
      yield* put(data, "sixfold.json.p00000001", '{"format":1,"inst')
      expect((yield* open(data)).path).toBe(data)
    }).pipe(node)
  )

  it.effect("refuses a file where the directory should be", () =>
    Effect.gen(function* () {
      const data = yield* fresh
      yield* put((yield* Path.Path).dirname(data), "data", "")
      expect(yield* refusal(data)).toContain(`cannot use --data ${data}: `)
    }).pipe(node)
  )
})
