import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { ask, named, records, until, World } from "./world.ts"

/** Follows `/config/changes` of a process, and connects again whenever it ends: the versions of a key, in the order they came. */
const following = Effect.fnUntraced(function* (at: number, key: string) {
  const { urls } = yield* World
  const versions: Array<number> = []
  /** Versions within one connection only grow; a new one begins with the newest again. */
  const broken: Array<string> = []
  const stop = new AbortController()
  const read = async () => {
    const response = await fetch(`${urls[at]!}/config/changes`, { signal: stop.signal })
    let [text, last] = ["", 0]
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      const events = (text + chunk).split("\n\n")
      text = events.pop()!
      for (const event of events) {
        const data = /^data: (.*)$/m.exec(event)?.[1]
        if (!event.startsWith("event: change") || data === undefined) continue
        const change = JSON.parse(data) as { readonly key: string; readonly version: number }
        if (change.key !== key) continue
        if (change.version <= last) broken.push(`${change.version} after ${last}`)
        last = change.version
        versions.push(last)
      }
    }
  }
  const forever = async () => {
    while (!stop.signal.aborted) {
      await read().catch(() => undefined)
      await new Promise((go) => setTimeout(go, 20))
    }
  }
  void forever()
  yield* Effect.addFinalizer(() => Effect.sync(() => stop.abort()))
  return { versions, broken }
})

interface Ledger {
  readonly entries: ReadonlyArray<string>
}

/**
 * Three users add their entries to one ledger, each through another process and each by compare-and-set: who loses the race
 * reads again. In the end everybody's entries are there once, in every process, and every version was told in order.
 */
export const config = Effect.gen(function* () {
  const { size, trouble, urls } = yield* World
  const key = named("ledger")
  const path = `/config/${key}`
  const read = (at: number) =>
    Effect.map(ask("GET", path, { at }), ({ headers, status, text }) => ({
      etag: headers.get("etag"),
      entries: status === 200 ? (JSON.parse(text) as Ledger).entries : []
    }))
  const listeners = yield* Effect.forEach(urls.keys(), (at) => following(at, key))

  const add = Effect.fnUntraced(function* (at: number, entry: string) {
    for (;;) {
      const { entries, etag } = yield* read(at)
      // An answer that was lost, or came as 503 `unknown`, is found out by reading.
      if (entries.includes(entry)) return
      const headers: Record<string, string> = etag === null ? { "if-none-match": "*" } : { "if-match": etag }
      const { status, text } = yield* ask("PUT", path, { at, headers, body: { entries: [...entries, entry] } })
      assert.include([200, 201, 412, 503], status, text)
      if (status > 201) continue
      // Who wrote reads it at once: no older value comes back.
      const own = yield* read(at)
      if (urls.length === 1) assert.include(own.entries, entry)
    }
  })
  const users = ["ada", "bob", "cy"]
  const most = 6 * size
  yield* Effect.forEach(
    users.entries(),
    Effect.fnUntraced(function* ([at, user]) {
      for (let n = 0; n < most; n++) {
        yield* add(at, `${user} ${n}`)
        if (n === most / 2) yield* at === 0 ? trouble : Effect.void
      }
    }),
    { concurrency: "unbounded" }
  )

  const expected = users.flatMap((user) => Array.from({ length: most }, (_, n) => `${user} ${n}`))
  // The last one was written through another process.
  const last = yield* until(read(0), ({ entries }) => entries.length >= expected.length)
  assert.sameMembers([...last.entries], expected)
  // Each user's own came in the order it added them.
  for (const user of users) {
    const own = last.entries.filter((entry) => entry.startsWith(user))
    assert.deepStrictEqual(
      own,
      expected.filter((entry) => entry.startsWith(user))
    )
  }
  // One version for each entry: no write was applied twice. Every process has it, and has told of it in order.
  assert.strictEqual(last.etag, `"${expected.length}"`)
  for (const [at, { broken, versions }] of listeners.entries()) {
    while (versions.at(-1) !== expected.length) yield* Effect.sleep("20 millis")
    assert.deepStrictEqual(broken, [], `changes of process ${at}`)
    assert.deepStrictEqual((yield* read(at)).entries, last.entries)
  }

  // Deleted is absent everywhere; the log keeps the newest version, and nothing else can be read from it.
  yield* trouble
  let gone = yield* ask("DELETE", path)
  while (gone.status === 503) gone = yield* ask("DELETE", path)
  assert.strictEqual(gone.status, 200, gone.text)
  for (const [at] of listeners.entries()) {
    while ((yield* ask("GET", path, { at })).status !== 404) yield* Effect.sleep("20 millis")
  }
  const written = (yield* records("site-config")).filter((record) => Buffer.from(record.key!).toString() === key)
  assert.isNull(written.at(-1)!.value)
})
