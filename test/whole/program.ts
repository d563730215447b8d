import { Effect, FileSystem, Path } from "effect"
import { fileURLToPath } from "node:url"
import { connect } from "../../src/client/index.ts"
import type { ImportCounts } from "../../src/cli/progress.ts"
import { run } from "../cli/process.ts"
import { atOnce } from "../client/scripted.ts"

const entry = fileURLToPath(new URL("../../topology/main.ts", import.meta.url))

export const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/contacts/${name}`, import.meta.url))

export const sixfold = (...args: ReadonlyArray<string>) => run(process.execPath, entry, ...args)

/** A data directory for one test. */
export const directory = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  return (yield* Path.Path).join(yield* fs.makeTempDirectoryScoped(), "data")
})

/** The whole program, once it is up. */
export const start = Effect.fnUntraced(function* (data: string, port?: string, ...flags: ReadonlyArray<string>) {
  const running = yield* sixfold("start", "--port", port ?? "0", "--data", data, ...flags)
  const line = yield* running.line(/ is up at /)
  const url = /http:\/\/\S+/.exec(line)![0]
  return { ...running, url, port: new URL(url).port }
})

/** A client that is closed with the test. */
export const following = (url: string) =>
  Effect.acquireRelease(
    Effect.promise(() => connect(url, { backoff: atOnce })),
    (client) => Effect.sync(() => client.close())
  )

export interface Refusal {
  readonly error: string
  readonly message: string
}

/** Uploads a file; the status, and what was answered. */
export const post = (url: string, body: BodyInit, channel = "") =>
  Effect.promise(async () => {
    const query = channel === "" ? "" : `?channel=${channel}`
    const headers = { "content-type": "text/csv" }
    const response = await fetch(`${url}/imports${query}`, { method: "POST", body, headers })
    return { status: response.status, answer: (await response.json()) as Refusal & { readonly importId: string } }
  })

export const getText = (url: string) => Effect.promise(async () => (await fetch(url)).text())
export const getJson = <A>(url: string) => Effect.promise(async () => (await fetch(url)).json() as Promise<A>)

export interface Contact {
  readonly email: string
  readonly name: string
}

interface Page {
  readonly contacts: ReadonlyArray<Contact>
  readonly next: string | null
}

/** All there are, over every page. */
export const contacts = Effect.fnUntraced(function* (url: string) {
  const all: Array<Contact> = []
  for (let after: string | null = ""; after !== null;) {
    const page: Page = yield* getJson<Page>(`${url}/contacts?limit=1000&after=${encodeURIComponent(after)}`)
    all.push(...page.contacts)
    after = page.next
  }
  return all
})

/** A view lags behind: asks until it is as it must become. The test's time is the limit. */
export const eventually = <A>(ask: Effect.Effect<A>, isThere: (answer: A) => boolean): Effect.Effect<A> =>
  Effect.flatMap(ask, (answer) =>
    isThere(answer) ? Effect.succeed(answer) : Effect.andThen(Effect.sleep("20 millis"), eventually(ask, isThere))
  )

/** The import as its view has it, once it has ended there. */
export const ended = (url: string, importId: string) =>
  eventually(
    getJson<ImportCounts & Refusal>(`${url}/imports/${importId}`),
    ({ error, state }) => error === undefined && state !== "accepted" && state !== "running"
  )
