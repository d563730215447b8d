import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { Buffer } from "node:buffer"
import type { ImportCounts } from "../../src/cli/progress.ts"
import type { Client } from "../../src/client/index.ts"
import { generateContacts } from "../fixtures/generate-contacts.ts"
import { contacts, directory, ended, eventually, following, getText, post, start } from "./program.ts"

const node = Effect.provide(NodeServices.layer)
const isOver = (state: unknown) => state !== "accepted" && state !== "running"

interface Seen extends Omit<ImportCounts, "state"> {
  readonly importId: string
  readonly state: string
}

/** The next status of the channel; a gap would mean that something was missed. */
const next = (client: Client) =>
  Effect.promise(async () => {
    const { value } = await client.statuses().next()
    if (value?.type !== "status") throw new Error(`not a status: ${JSON.stringify(value)}`)
    return value.event as unknown as Seen
  })

describe("an import", () => {
  it.live(
    "is finished whenever the process was killed after the 202: every row once, one final notification",
    () =>
      Effect.gen(function* () {
        const rows = 20_000
        const rejectEvery = 1_000
        const data = yield* directory
        let running = yield* start(data)
        const { port, url } = running
        const restart = Effect.gen(function* () {
          yield* running.kill("SIGKILL")
          assert.strictEqual((yield* running.ended).signal, "SIGKILL")
          running = yield* start(data, port)
        })
        const client = yield* following(url)
        const file = Buffer.concat([...generateContacts({ rows, rejectEvery })])
        const { answer, status } = yield* post(url, file, client.channel.id)
        assert.strictEqual(status, 202)
        // Nothing may have been done yet; then at a few moments of the work, the last of them with all of it done.
        yield* restart
        const seen: Array<Seen> = []
        const kills = [1, 3, 6]
        while (!isOver(seen.at(-1)?.state ?? "accepted")) {
          seen.push(yield* next(client))
          if (kills.includes(seen.length) && !isOver(seen.at(-1)!.state)) yield* restart
        }
        assert.isAtLeast(seen.length, kills[0]! + 1)
        yield* restart
        const rejected = rows / rejectEvery
        const imported = rows - rejected
        const counts = yield* ended(url, answer.importId)
        assert.deepStrictEqual([counts.state, counts.rows], ["done", { total: rows, imported, rejected, failed: 0 }])
        assert.strictEqual(counts.jobs.completed, counts.jobs.total)
        assert.deepStrictEqual(seen.at(-1)!.rows, counts.rows)
        const done = seen.map(({ jobs }) => jobs.completed)
        assert.deepStrictEqual(
          done,
          done.toSorted((a, b) => a - b)
        )
        const found = yield* eventually(contacts(url), (all) => all.length >= imported)
        assert.deepStrictEqual(new Set(found.map(({ email }) => email)).size, imported)
        assert.strictEqual(found.length, imported)
        const lines = yield* eventually(
          Effect.map(getText(`${url}/imports/${answer.importId}/rejects`), (text) => text.match(/^\d+,/gm) ?? []),
          (all) => all.length >= rejected
        )
        // The header is row 1.
        const expected = Array.from({ length: rejected }, (_, n) => `${(n + 1) * rejectEvery + 1},`)
        assert.sameMembers([...lines], expected)
        // A second final notification would come before anything of a later import on the same channel.
        const later = yield* post(url, "email\nlater@example.com\n", client.channel.id)
        const after = yield* next(client)
        assert.strictEqual(after.importId, later.answer.importId)
      }).pipe(node),
    60_000
  )

  it.live(
    "of a hundred rows is done before a large one beside it has advanced by 5 %",
    () =>
      Effect.gen(function* () {
        const { url } = yield* start(yield* directory)
        const client = yield* following(url)
        const { id } = client.channel
        const large = yield* post(url, Buffer.concat([...generateContacts({ rows: 400_000, prefix: "large" })]), id)
        const before = yield* next(client)
        assert.strictEqual(before.importId, large.answer.importId)
        const small = yield* post(url, Buffer.concat([...generateContacts({ rows: 100, prefix: "small" })]), id)
        // Both report on one channel, so in one order: how far the large one had come is read off there.
        const rowsOfLarge = [before.rows.imported]
        let from: number | undefined
        for (;;) {
          const event = yield* next(client)
          if (event.importId === large.answer.importId) rowsOfLarge.push(event.rows.imported)
          else from ??= rowsOfLarge.at(-1)!
          if (event.importId === small.answer.importId && isOver(event.state)) break
        }
        const advanced = (rowsOfLarge.at(-1)! - from!) / 400_000
        assert.strictEqual((yield* ended(url, small.answer.importId)).rows.imported, 100)
        assert.isBelow(advanced, 0.05)
      }).pipe(node),
    60_000
  )
})
