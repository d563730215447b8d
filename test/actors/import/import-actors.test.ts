import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { outstandingJobs } from "../../../actors/import/contacts-import.ts"
import { importJobs, importProgress, imports, type Seal } from "../../../actors/import/topics.ts"
import { fixture } from "./read-file.ts"
import { random } from "./random.ts"
import { world } from "./world.ts"

/** A part for every 20 rows. */
const file = (rows: number, name = "n") =>
  `email,name\n${Array.from({ length: rows }, (_, i) => `${name}${i}@example.com,N ${i}\n`).join("")}`
const lastStatus = (it: ReturnType<typeof world>, importId: string) =>
  it.reported.findLast(({ event }) => event.importId === importId)?.event
const states = (it: ReturnType<typeof world>) => it.reported.map(({ event }) => event.state)
const seeds = Array.from({ length: 20 }, (_, i) => i + 1)

describe("an import", () => {
  it.effect("imports every row once and says done once, in whatever order its parts are finished and heard of", () =>
    Effect.gen(function* () {
      for (const seed of seeds) {
        const it = world({ seed, repeats: true })
        const importId = yield* it.upload(file(400), "channel")
        yield* it.run()
        assert.deepStrictEqual(new Set(it.written("contacts").map(({ key }) => key)).size, 400, `seed ${seed}`)
        assert.strictEqual(it.written("contacts").length, 400)
        assert.strictEqual(states(it).filter((state) => state === "done").length, 1)
        const parts = it.uploads.length
        assert.isAbove(parts, 2 * outstandingJobs)
        assert.deepStrictEqual(lastStatus(it, importId), {
          kind: "import",
          importId,
          state: "done",
          jobs: { total: parts, completed: parts, failed: 0 },
          rows: { total: 400, imported: 400, rejected: 0, failed: 0 }
        })
      }
    })
  )

  it.effect("ends at once, with nothing imported, when its file has a header only", () =>
    Effect.gen(function* () {
      const it = world({ seed: 1 })
      const importId = yield* it.upload("email\r\n", "channel")
      yield* it.run()
      assert.deepInclude(lastStatus(it, importId), {
        state: "done",
        jobs: { total: 0, completed: 0, failed: 0 },
        rows: { total: 0, imported: 0, rejected: 0, failed: 0 }
      })
    })
  )

  it.effect("rejects each row without a usable e-mail by its number in the file, and imports the others", () =>
    Effect.gen(function* () {
      const it = world({ seed: 1 })
      const importId = yield* it.upload(Stream.make(fixture("plain.csv")), "channel")
      yield* it.run()
      assert.deepStrictEqual(
        it.written("import-rejects").map(({ key, value }) => [key, value]),
        [
          [`${importId}/4`, { reason: "not an e-mail address", record: "not-an-address" }],
          [`${importId}/6`, { reason: "no e-mail", record: "," }]
        ]
      )
      assert.deepInclude(lastStatus(it, importId), {
        state: "done",
        rows: { total: 5, imported: 3, rejected: 2, failed: 0 }
      })
    })
  )

  it.effect("counts a row that is too long, and one whose quote never closes, as rejected", () =>
    Effect.gen(function* () {
      const it = world({ seed: 1 })
      const long = "x".repeat(300_000)
      yield* it.upload(`email,name\na@example.com,1\nb@example.com,${long}\nc@example.com,"open\nd@example.com,4\n`)
      yield* it.run()
      assert.deepStrictEqual(
        it
          .written("contacts")
          .map(({ key }) => key)
          .toSorted(),
        ["a@example.com", "d@example.com"]
      )
      assert.deepStrictEqual(
        it
          .written("import-rejects")
          .map(({ value }) => (value as { reason: string }).reason)
          .toSorted(),
        ["a quote is never closed", "the row is too long"]
      )
    })
  )

  it.effect("is incomplete, not hanging, when a part is lost, and counts that part's rows as failed", () =>
    Effect.gen(function* () {
      for (const seed of seeds.slice(0, 5)) {
        const it = world({ seed, repeats: true, lost: (key) => key.endsWith("/1") })
        const importId = yield* it.upload(file(200), "channel")
        yield* it.run()
        const status = lastStatus(it, importId) as unknown as {
          state: string
          rows: { imported: number; failed: number }
          jobs: object
        }
        const parts = it.uploads.length
        assert.strictEqual(status.state, "incomplete")
        assert.deepStrictEqual(status.jobs, { total: parts, completed: parts - 1, failed: 1 })
        assert.isAbove(status.rows.failed, 0)
        assert.strictEqual(status.rows.failed + status.rows.imported, 200)
        assert.strictEqual(it.written("contacts").length, status.rows.imported)
      }
    })
  )

  it.effect("has failed when every part is lost", () =>
    Effect.gen(function* () {
      const it = world({ seed: 3, lost: () => true })
      const importId = yield* it.upload(file(200), "channel")
      yield* it.run()
      assert.deepInclude(lastStatus(it, importId), {
        state: "failed",
        rows: { total: 200, imported: 0, rejected: 0, failed: 200 }
      })
    })
  )

  it.effect("is sealed once: a second seal hands out nothing while it runs", () =>
    Effect.gen(function* () {
      const it = world({ seed: 1 })
      const importId = yield* it.upload(file(200))
      yield* it.step()
      const jobs = it.written("import-jobs").length
      it.send(imports, importId, it.written("imports")[0]!.value)
      yield* it.run(({ topic }) => topic === "imports")
      assert.strictEqual(it.written("import-jobs").length, jobs)
    })
  )
})

describe("an upload", () => {
  it.effect("that breaks off makes no import, whatever of it arrived", () =>
    Effect.gen(function* () {
      for (const seed of seeds) {
        const it = world({ seed })
        const bytes = new TextEncoder().encode(file(100))
        const cut = random(seed)(bytes.length)
        const body = Stream.concat(Stream.make(bytes.subarray(0, cut)), Stream.fail("reset"))
        assert.strictEqual(yield* Effect.flip(it.upload(body)), "reset")
        assert.deepStrictEqual(it.written("imports"), [], `cut at ${cut}`)
      }
    })
  )

  it.effect("whose parts cannot all be written makes no import", () =>
    Effect.gen(function* () {
      for (const appends of [0, 1, 5]) {
        const it = world({ seed: 1 })
        it.failAfter(appends)
        const error = yield* Effect.flip(it.upload(file(200)))
        assert.deepInclude(error, { _tag: "KafkaError" })
        assert.deepStrictEqual(it.written("imports"), [])
      }
    })
  )

  it.effect("that is no CSV of contacts writes nothing", () =>
    Effect.gen(function* () {
      const it = world({ seed: 1 })
      assert.deepInclude(yield* Effect.flip(it.upload("a,b\n1,2\n")), { _tag: "NotCsv" })
      assert.deepStrictEqual([it.uploads, it.records], [[], []])
    })
  )

  it.effect("keeps its bytes: the parts, in the order of the seal, are the file", () =>
    Effect.gen(function* () {
      for (const seed of seeds.slice(0, 5)) {
        const it = world({ seed })
        const text = file(200)
        const importId = yield* it.upload(text)
        const seal = it.written("imports")[0]!.value as Seal
        const parts = seal.parts.map(({ offset }) => it.uploads[offset]!)
        assert.strictEqual(`email,name\n${parts.map(({ value }) => new TextDecoder().decode(value)).join("")}`, text)
        assert.deepStrictEqual(
          parts.map(({ key }) => key),
          parts.map((_, n) => `${importId}/${n}`)
        )
        assert.strictEqual(seal.parts[0]!.row, 2)
      }
    })
  )
})

describe("several imports at once", () => {
  it.effect("share the workers: a small one waits behind a bounded number of a large one's jobs", () =>
    Effect.gen(function* () {
      const it = world({ seed: 5 })
      const large = yield* it.upload(file(2_000, "large"))
      yield* it.run(({ topic }) => topic === "imports")
      const small = yield* it.upload(file(10, "small"))
      yield* it.run(({ topic }) => topic === "imports")
      const ahead = it.waiting("import-jobs").filter(({ key }) => key.startsWith(large))
      assert.isAtMost(ahead.length, outstandingJobs)
      assert.isTrue(it.waiting("import-jobs").some(({ key }) => key.startsWith(small)))
    })
  )

  it.effect("never have more than the bounded number of jobs outstanding each", () =>
    Effect.gen(function* () {
      const it = world({ seed: 6 })
      const ids = [yield* it.upload(file(300, "a")), yield* it.upload(file(300, "b"))]
      while (yield* it.step()) {
        for (const id of ids) {
          const open = it.waiting("import-jobs").filter(({ key }) => key.startsWith(id)).length
          assert.isAtMost(open, outstandingJobs)
        }
      }
      assert.strictEqual(it.written("contacts").length, 600)
    })
  )
})

describe("a cancelled import", () => {
  it.effect(
    "hands out nothing more, finishes what was handed out, and then says cancelled once, with exact counts",
    () =>
      Effect.gen(function* () {
        for (const seed of seeds) {
          const it = world({ seed, repeats: true })
          const importId = yield* it.upload(file(400), "channel")
          yield* it.step()
          for (let steps = random(seed)(15); steps > 0; steps--) yield* it.step()
          it.send(imports, importId, { _tag: "Cancel" })
          it.send(imports, importId, { _tag: "Cancel" })
          yield* it.run()
          const status = lastStatus(it, importId) as unknown as { state: string; rows: { imported: number } }
          assert.strictEqual(status.state, "cancelled", `seed ${seed}`)
          assert.strictEqual(states(it).filter((state) => state === "cancelled").length, 1)
          assert.strictEqual(status.rows.imported, it.written("contacts").length)
          assert.isBelow(status.rows.imported, 400)
        }
      })
  )

  it.effect("is done, not cancelled, when the cancel finds everything handed out", () =>
    Effect.gen(function* () {
      const it = world({ seed: 2 })
      const importId = yield* it.upload(file(100), "channel")
      yield* it.step()
      it.send(imports, importId, { _tag: "Cancel" })
      yield* it.run()
      assert.deepInclude(lastStatus(it, importId), { state: "done" })
    })
  )

  it.effect("that nobody knows changes nothing", () =>
    Effect.gen(function* () {
      const it = world({ seed: 2 })
      it.send(imports, "0190163d-8694-739b-aea5-966c26f8ad91", { _tag: "Cancel" })
      yield* it.run()
      assert.strictEqual(it.records.length, 1)
    })
  )
})

describe("hostile records", () => {
  const seal = "0190163d-8694-739b-aea5-966c26f8ad91"
  const dialect = {
    delimiter: ",",
    terminator: "lf",
    encoding: "utf-8",
    columns: { email: [0], fullName: [], givenName: [], familyName: [], company: [], phone: [] }
  }

  it.effect("in import-jobs end as dead letters and disturb no import", () =>
    Effect.gen(function* () {
      const it = world({ seed: 1 })
      const importId = yield* it.upload(file(200), "channel")
      yield* it.step()
      const claim = { partition: 0, offset: 9_999, row: 2, rows: 5 }
      it.send(importJobs, "nonsense", { seal, dialect, claim })
      it.send(importJobs, `${importId}/9000`, { seal, dialect, claim })
      yield* it.run()
      assert.deepInclude(lastStatus(it, importId), {
        state: "done",
        rows: { total: 200, imported: 200, rejected: 0, failed: 0 }
      })
    })
  )

  it.effect("cannot make the bitmap of parts large", () =>
    Effect.sync(() => {
      const part = importProgress.codec.encodeValue
      assert.throws(() => part({ _tag: "PartFailed", part: 1e9, rows: 1 }))
      assert.throws(() => part({ _tag: "PartFailed", part: -1, rows: 1 }))
    })
  )
})
