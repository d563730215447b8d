import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { connect } from "node:net"
import { contacts, directory, eventually, ended, fixture, getJson, getText, post, sixfold, start } from "./program.ts"
import type { Refusal } from "./program.ts"

const node = Effect.provide(NodeServices.layer)

/** Rows imported and rejected, and some of the contacts that are there afterwards. */
const files: Record<string, { readonly rows: readonly [number, number]; readonly names: Record<string, string> }> = {
  "google.csv": { rows: [4, 1], names: { "ada.lovelace@example.com": "Ada Lovelace" } },
  "outlook.csv": { rows: [2, 1], names: { "barbara@example.com": "Barbara Liskov" } },
  "outlook-web.csv": { rows: [1, 0], names: { "margaret@example.com": "Margaret Hamilton" } },
  "outlook-german.csv": { rows: [2, 0], names: { "kaethe@example.com": "Käthe Müßig" } },
  "outlook-french.csv": { rows: [1, 0], names: { "emilie@example.com": "Émilie du Châtelet" } },
  "excel-semicolons.csv": { rows: [2, 0], names: { "konrad@example.com": "Konrad Zuse" } },
  "mac-classic.csv": { rows: [2, 0], names: { "steve@example.com": "Steve" } },
  "damaged-row.csv": { rows: [4, 1], names: { "zoe@example.com": "Zoë" } },
  "header-only.csv": { rows: [0, 0], names: {} }
}

describe("the program", () => {
  it.live(
    "imports real files from the command line, and has their contacts and rejected rows afterwards",
    () =>
      Effect.gen(function* () {
        const { url } = yield* start(yield* directory)
        const ids = yield* Effect.forEach(
          Object.entries(files),
          Effect.fnUntraced(function* ([name, { rows }]) {
            const importing = yield* sixfold("import", fixture(name), "--url", url)
            assert.deepStrictEqual(
              [name, yield* importing.ended, importing.stderr()],
              [name, { code: 0, signal: null }, ""]
            )
            assert.strictEqual(importing.printed().at(-1), `done: ${rows[0]} imported, ${rows[1]} rejected`)
            const id = importing.printed()[1]!.replace("accepted as ", "")
            const [imported, rejected] = rows
            const { rows: counted, state } = yield* ended(url, id)
            assert.deepStrictEqual(
              [state, counted],
              ["done", { total: imported + rejected, imported, rejected, failed: 0 }]
            )
            return [name, id] as const
          }),
          { concurrency: 2 }
        )
        const expected = Object.assign({}, ...Object.values(files).map(({ names }) => names)) as Record<string, string>
        const total = Object.values(files).reduce((sum, { rows }) => sum + rows[0], 0)
        const found = yield* eventually(contacts(url), (all) => all.length >= total)
        assert.strictEqual(found.length, total)
        const names = Object.fromEntries(found.map(({ email, name }) => [email, name]))
        for (const [email, name] of Object.entries(expected)) assert.strictEqual(names[email], name)
        const google = new Map(ids).get("google.csv")!
        const rejects = yield* eventually(getText(`${url}/imports/${google}/rejects`), (text) => text.includes("\n5,"))
        assert.match(rejects, /^5,no e-mail,/m)
      }).pipe(node),
    60_000
  )

  it.live(
    "refuses what is no contacts file, and imports nothing of an upload that breaks off",
    () =>
      Effect.gen(function* () {
        const { port, url } = yield* start(yield* directory)
        for (const [body, told] of [
          [readFileSync(fixture("no-email-column.csv")), /e-mail/],
          [readFileSync(fixture("no-header.csv")), /header|e-mail/],
          [Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 1, 2, 3]), /./],
          [Buffer.alloc(0), /./]
        ] as const) {
          const { answer, status } = yield* post(url, body)
          assert.deepStrictEqual([status, answer.error], [400, "NotCsv"])
          assert.match(answer.message, told)
        }
        const importing = yield* sixfold("import", fixture("no-email-column.csv"), "--url", url)
        assert.deepStrictEqual(yield* importing.ended, { code: 1, signal: null })
        assert.match(importing.stderr(), /^sixfold: .*e-mail.*\n$/)
        // More than a part of rows, then nothing more of what was promised.
        yield* Effect.callback<void>((resume) => {
          const head = `POST /imports HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: text/csv\r\nContent-Length: 9999999\r\n\r\n`
          const rows = Array.from({ length: 50_000 }, (_, n) => `half.${n}@example.com\n`).join("")
          const socket = connect(Number(port), "127.0.0.1", () =>
            socket.write(`${head}email\n${rows}`, () => {
              socket.destroy()
              resume(Effect.void)
            })
          )
          socket.on("error", () => undefined)
        })
        // Whatever was to come of it would come before what is uploaded afterwards.
        const { answer } = yield* post(url, "email\nlast@example.com\n")
        yield* ended(url, answer.importId)
        const found = yield* eventually(contacts(url), (all) => all.length > 0)
        assert.deepStrictEqual(
          found.map(({ email }) => email),
          ["last@example.com"]
        )
        const unknown = yield* getJson<Refusal>(`${url}/imports/nothing`)
        assert.strictEqual(unknown.error, "UnknownImport")
      }).pipe(node),
    60_000
  )
})
