import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { spawn } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import { at, read, record, values } from "../contract/world.ts"

const appender = fileURLToPath(new URL("./appender.ts", import.meta.url))

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "sixfold-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Runs the appender; `lines` has what it has printed, `printed` waits until there are so many. */
const start = Effect.fnUntraced(function* (path: string, run: string) {
  const ended = Deferred.makeUnsafe<string>()
  let [text, stderr] = ["", ""]
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, [appender, path, run], { stdio: ["ignore", "pipe", "pipe"] })),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  child.stdout.on("data", (chunk: Buffer) => (text += String(chunk)))
  child.stderr.on("data", (chunk: Buffer) => (stderr += String(chunk)))
  child.on("close", () => Deferred.doneUnsafe(ended, Effect.succeed(stderr)))
  // The last line may have been cut by the kill.
  const lines = () => text.split("\n").slice(0, -1)
  const printed = (count: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (lines().length >= count) return Effect.void
      if (child.exitCode !== null) return Effect.die(new Error(`the appender ended: ${stderr}`))
      return Effect.andThen(Effect.sleep(2), printed(count))
    })
  const kill = Effect.andThen(
    Effect.sync(() => child.kill("SIGKILL")),
    Deferred.await(ended)
  )
  return { lines, printed, kill }
})

const open = (path: string) => Effect.map(Embedded.make({ directory: path }), (broker) => broker.client("test").kafka)
const refusal = (path: string) => Effect.scoped(Effect.flip(open(path)))

describe("on disk", () => {
  it.live("what was acknowledged survives SIGKILL at any moment, and transactions are whole or absent", () =>
    Effect.gen(function* () {
      const path = yield* directory
      const acknowledged: Array<string> = []
      for (const [run, count] of [1, 40, 300, 77, 150].entries()) {
        const child = yield* start(path, String(run))
        yield* child.printed(count)
        yield* child.kill
        acknowledged.push(...child.lines().filter((line) => line !== "ready"))
      }
      const kafka = yield* open(path)
      const [sent, committed] = [new Map<string, number>(), [new Set<string>(), new Set<string>()]]
      for (const partition of [0, 1]) {
        const records = yield* read(kafka, at("sent", partition))
        values(records).forEach((value, i) => sent.set(value, records[i]!.offset))
        const whole = values(yield* read(kafka, at("committed", partition)))
        expect(new Set(whole).size).toBe(whole.length)
        for (const value of whole) committed[partition]!.add(value)
      }
      expect([...committed[0]!]).toEqual([...committed[1]!])
      const lost = acknowledged.filter((line) => {
        const [what, value, offset] = line.split(" ")
        return what === "send" ? sent.get(value!) !== Number(offset) : !committed[0]!.has(value!)
      })
      expect(lost).toEqual([])
      expect(acknowledged.length).toBeGreaterThan(500)
    })
  )

  it.live("a second process is refused by name, and gets in once the first is killed", () =>
    Effect.gen(function* () {
      const path = yield* directory
      const child = yield* start(path, "first")
      yield* child.printed(1)
      const error = yield* refusal(path)
      expect(error.reason).toBe("Locked")
      expect(error.message).toBe(`${join(path, "broker.sqlite")} is in use by another process`)
      // It was not disturbed by that.
      yield* child.printed(child.lines().length + 20)
      yield* child.kill
      yield* Effect.scoped(open(path))
    })
  )

  it.live("a second broker of this process is refused, too, and gets in once the first is closed", () =>
    Effect.gen(function* () {
      const path = yield* directory
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* open(path)
          expect((yield* refusal(path)).reason).toBe("Locked")
        })
      )
      yield* Effect.scoped(open(path))
    })
  )

  it.live("a file that is not a broker's is refused and stays as it is", () =>
    Effect.gen(function* () {
      const path = yield* directory
      const file = join(path, "broker.sqlite")
      const foreign = new DatabaseSync(file)
      foreign.exec("CREATE TABLE thesis (chapter TEXT)")
      foreign.close()
      const contents: ReadonlyArray<readonly [Uint8Array, RegExp]> = [
        [readFileSync(file), /another program's database/],
        [Buffer.from("these are not the bytes of any database ".repeat(100)), /not an SQLite database/]
      ]
      for (const [bytes, why] of contents) {
        writeFileSync(file, bytes)
        const error = yield* refusal(path)
        expect(error.reason).toBe("Refused")
        expect(error.message).toMatch(why)
        expect(error.message).toContain(file)
        expect(readFileSync(file).equals(bytes)).toBe(true)
        expect(readdirSync(path)).toEqual(["broker.sqlite"])
      }
    })
  )

  it.live("one of a newer format is refused with both versions; a file in the directory's place is, too", () =>
    Effect.gen(function* () {
      const path = yield* directory
      yield* Effect.scoped(open(path))
      const file = join(path, "broker.sqlite")
      const db = new DatabaseSync(file)
      db.exec("PRAGMA user_version = 99")
      db.close()
      const newer = yield* refusal(path)
      expect(newer).toMatchObject({ reason: "Refused" })
      expect(newer.message).toContain("has format version 99; this program knows version 1")
      expect((yield* refusal(file)).reason).toBe("Refused")
    })
  )

  it.live("topics, offsets, fences and the cluster's id are there again after a restart", () =>
    Effect.gen(function* () {
      const path = yield* directory
      const before = yield* Effect.scoped(
        Effect.gen(function* () {
          const kafka = yield* open(path)
          yield* kafka.topics.ensure([
            { name: "t", partitions: 2, cleanup: "compact,delete", retention: 1_000_000_000_000 }
          ])
          yield* (yield* kafka.transactor({ transactionalId: "x" })).commit({ records: [record(at("t"), "v")] })
          return { id: kafka.clusterId, topics: yield* kafka.topics.describe(["t"]) }
        })
      )
      const kafka = yield* open(path)
      expect({ id: kafka.clusterId, topics: yield* kafka.topics.describe(["t"]) }).toEqual(before)
      // The marker has its offset still, though it is the last thing in the log.
      expect(yield* kafka.topics.endOffset(at("t"))).toBe(2)
      yield* (yield* kafka.transactor({ transactionalId: "x" })).commit({ records: [record(at("t"), "w")] })
      expect((yield* read(kafka, at("t"))).map(({ offset }) => offset)).toEqual([0, 2])
    })
  )

  it.live("a batch whose bytes have changed is an error, not another record", () =>
    Effect.gen(function* () {
      const path = yield* directory
      yield* Effect.scoped(
        Effect.gen(function* () {
          const kafka = yield* open(path)
          yield* kafka.topics.ensure([{ name: "t", partitions: 1, cleanup: "delete" }])
          yield* (yield* kafka.producer).send([record(at("t"), "true")])
        })
      )
      const db = new DatabaseSync(join(path, "broker.sqlite"))
      db.prepare("UPDATE batches SET bytes = ?").run(Buffer.from("false"))
      db.close()
      const kafka = yield* open(path)
      const reader = yield* kafka.reader()
      yield* reader.seek(at("t"), 0)
      expect(yield* Effect.flip(reader.poll)).toMatchObject({ reason: "CorruptBatch", topic: "t", partition: 0 })
      expect(yield* Effect.flip(kafka.read({ ...at("t"), offset: 0 }))).toMatchObject({ reason: "CorruptBatch" })
    })
  )
})
