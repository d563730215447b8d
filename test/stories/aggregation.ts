import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { partitionFor } from "../../src/kafka/partitioner.ts"
import { generateContacts } from "../fixtures/generate-contacts.ts"
import { isOver, upload, watch } from "./contacts.ts"
import { becomes, browser, get, isRepeat, named, next, records, saidTwice, told, until, World, write } from "./world.ts"

let ids = 0

/** An id as an upload of now would get. */
const uuid7 = () => {
  const time = Date.now().toString(16).padStart(12, "0")
  const tail = (process.pid * 1_000 + ids++).toString(16).padStart(12, "0").slice(-12)
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${tail}`
}

const columns = { email: [0], fullName: [1], givenName: [], familyName: [], company: [], phone: [] }
const dialect = { delimiter: ",", terminator: "lf", encoding: "utf-8", columns }

/** Another program brings an import: its parts as they are, and claims of parts that nobody ever uploaded. */
const bring = Effect.fnUntraced(function* (parts: ReadonlyArray<string>, missing: number, channel: string) {
  const [importId, seal] = [uuid7(), uuid7()]
  const keys = parts.map((_, n) => `${importId}/${n}`)
  const offsets = yield* write(...parts.map((value, n) => ({ topic: "import-uploads", key: keys[n]!, value })))
  const there = parts.map((text, n) => ({
    partition: partitionFor(new TextEncoder().encode(keys[n]), 12),
    offset: offsets[n]!,
    row: 2 + n * 2,
    rows: text.split("\n").length - 1
  }))
  const never = Array.from({ length: missing }, (_, n) => ({
    partition: 0,
    offset: 900_000_000 + n,
    row: 1_000 + n,
    rows: 7
  }))
  const value = { _tag: "Seal", channel, seal, dialect, parts: [...there, ...never] }
  yield* write({ topic: "imports", key: importId, value })
  return importId
})

/**
 * A large file becomes many small jobs, which any worker does in any order. What was done is counted once for each part, however
 * often it is told; the last one brings the end, once. Where a part never comes, the import says so instead of waiting for ever.
 */
export const aggregation = Effect.gen(function* () {
  const { size, trouble } = yield* World
  const client = yield* browser
  const { id: channel } = client.channel
  const prefix = named("a")
  const rows = 8_000 * size
  const importId = yield* upload(Buffer.concat([...generateContacts({ rows, prefix })]), channel)
  yield* trouble
  const first = yield* next(client, (event) => event.importId === importId)

  // Whatever is told about a part again, by whomever, changes nothing.
  const said = (yield* records("import-progress")).filter(({ key }) => Buffer.from(key!).toString() === importId)
  yield* write(
    ...[...said, ...said]
      .toReversed()
      .map(({ value }) => ({ topic: "import-progress", key: importId, value, again: true }))
  )
  yield* trouble
  const seen = [first, ...(isOver(first) ? [] : yield* watch(client, importId))]
  const end = seen.at(-1)
  assert.deepStrictEqual([end.state, end.rows], ["done", { total: rows, imported: rows, rejected: 0, failed: 0 }])
  assert.isAbove(end.jobs.total, 1)
  assert.deepStrictEqual(end.jobs, { total: end.jobs.total, completed: end.jobs.total, failed: 0 })
  const done = yield* Effect.map(records("import-progress"), (all) =>
    all.filter(({ key }) => Buffer.from(key!).toString() === importId)
  )
  yield* write(...done.map(({ value }) => ({ topic: "import-progress", key: importId, value, again: true })))

  // Two parts are there and one is not: what can be is imported, and the rest is counted as failed.
  const some = yield* bring([`${prefix}.x@example.com,X\n`, `${prefix}.y@example.com,Y\nnobody,Z\n`], 1, channel)
  const incomplete = {
    state: "incomplete",
    jobs: { total: 3, completed: 2, failed: 1 },
    rows: { total: 10, imported: 2, rejected: 1, failed: 7 }
  }
  const events = yield* watch(client, some)
  assert.deepStrictEqual(events.at(-1), { kind: "import", importId: some, ...incomplete })
  yield* becomes(`/imports/${some}`, incomplete)
  for (const name of ["x", "y"])
    assert.isDefined(yield* until(get(`/contacts/${prefix}.${name}@example.com`), (it) => it !== undefined))
  // An operator sees why.
  const letters = yield* until(
    get("/dead-letters/import-jobs?limit=1000"),
    (page) => page?.letters.some(({ key }: any) => key === `${some}/2`) === true
  )
  assert.match(letters.letters.find(({ key }: any) => key === `${some}/2`).error, /MissingPart|no record/)

  // None is there: it has failed.
  const none = yield* bring([], 2, channel)
  assert.strictEqual((yield* watch(client, none)).at(-1).state, "failed")

  // Cancelled: what has not begun will not; it ends, and says so once.
  const cancelled = yield* upload(
    Buffer.concat([...generateContacts({ rows: 40_000 * size, prefix: `${prefix}z` })]),
    channel
  )
  yield* told("DELETE", `/imports/${cancelled}`)
  const last = (yield* watch(client, cancelled)).at(-1)
  assert.include(["cancelled", "done"], last.state)
  yield* until(get(`/imports/${cancelled}`), (it) => it !== undefined && isOver(it))

  // All that was told about the first one again has brought no second end: nothing of it came after its end.
  assert.deepStrictEqual(yield* get(`/imports/${importId}`), { state: end.state, jobs: end.jobs, rows: end.rows })
  assert.deepStrictEqual(saidTwice(done), [])
  assert.lengthOf(
    done.filter((record) => !isRepeat(record)),
    end.jobs.total + 1
  )
})
