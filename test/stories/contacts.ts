import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { generateContacts } from "../fixtures/generate-contacts.ts"
import { ask, browser, get, named, next, until, World } from "./world.ts"

/** Uploads a file; the import's id. Who gets no answer uploads again: the later import wins, so nothing is there twice. */
export const upload = Effect.fnUntraced(function* (file: Uint8Array | string, channel: string) {
  const answer = yield* until(
    ask("POST", `/imports?channel=${channel}`, { body: file, headers: { "content-type": "text/csv" } }),
    ({ status }) => status !== 503
  )
  assert.strictEqual(answer.status, 202, answer.text)
  return (JSON.parse(answer.text) as { readonly importId: string }).importId
})

export const isOver = ({ state }: { readonly state: string }): boolean => state !== "accepted" && state !== "running"

/** What a channel tells of one import, up to its end. */
export const watch = Effect.fnUntraced(function* (client: Parameters<typeof next>[0], importId: string) {
  const seen: Array<any> = []
  while (seen.length === 0 || !isOver(seen.at(-1)))
    seen.push(yield* next(client, (event) => event.importId === importId))
  return seen
})

/**
 * A browser opens a channel and uploads a file. It sees the import advance and end without asking, also while the server it talks
 * to goes and comes back; and then the contacts are there, each once, and each row that is none with its reason.
 */
export const contacts = Effect.gen(function* () {
  const { size, trouble } = yield* World
  const prefix = named("c")
  const [rows, rejectEvery] = [5_000 * size, 500]
  const rejected = rows / rejectEvery
  const imported = rows - rejected
  const client = yield* browser
  const file = Buffer.concat([...generateContacts({ rows, rejectEvery, prefix })])
  const importId = yield* upload(file, client.channel.id)
  yield* trouble
  const first = yield* next(client, (event) => event.importId === importId)
  yield* trouble
  const seen = [first, ...(isOver(first) ? [] : yield* watch(client, importId))]

  // Each event once, in order: what was done only grows, and the end is told once.
  const done = seen.map(({ jobs }) => jobs.completed as number)
  assert.deepStrictEqual(
    done,
    done.toSorted((a, b) => a - b)
  )
  assert.strictEqual(new Set(seen.map((event) => JSON.stringify(event))).size, seen.length)
  const { jobs, rows: counted, state } = seen.at(-1)
  assert.deepStrictEqual([state, counted], ["done", { total: rows, imported, rejected, failed: 0 }])
  assert.deepStrictEqual(jobs, { total: jobs.total, completed: jobs.total, failed: 0 })
  const asked = yield* until(get(`/imports/${importId}`), (answer) => answer !== undefined && isOver(answer))
  assert.deepStrictEqual(asked, { state, jobs, rows: counted })

  // The rows that are no contacts, by their numbers; the header is row 1.
  const numbers = Array.from({ length: rejected }, (_, n) => (n + 1) * rejectEvery + 1)
  const told = Effect.map(ask("GET", `/imports/${importId}/rejects`), ({ text }) =>
    (text.match(/^\d+,/gm) ?? []).map((it) => Number.parseInt(it, 10))
  )
  const found = yield* until(told, (all) => all.length >= rejected)
  assert.deepStrictEqual(
    [...found].toSorted((a, b) => a - b),
    numbers
  )

  // The contacts, page by page: this file's, each once.
  const emails = Effect.gen(function* () {
    const all: Array<string> = []
    for (let after: string | null = prefix; after !== null;) {
      const page: any = yield* get(`/contacts?limit=1000&after=${encodeURIComponent(after)}`)
      const own = page.contacts
        .map(({ email }: { readonly email: string }) => email)
        .filter((email: string) => email.startsWith(prefix))
      all.push(...own)
      after = own.length < page.contacts.length ? null : page.next
    }
    return all
  })
  const all = yield* until(emails, ({ length }) => length >= imported)
  assert.strictEqual(all.length, imported)
  assert.strictEqual(new Set(all).size, imported)

  // A second end of the first import would come before anything of a later one.
  const later = yield* upload(`email,name\n${prefix}.later@example.com,Later\n`, client.channel.id)
  const after = yield* next(
    client,
    (event) => event.importId === importId || (event.importId === later && isOver(event))
  )
  assert.strictEqual(after.importId, later)
})
