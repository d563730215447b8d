import { layer } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import type { Page } from "playwright-core"
import { launch } from "../browser/chromium.ts"
import { openLine } from "../browser/line.ts"
import { expectQuiet, gone, openPage, part, shows, until } from "../browser/page.ts"
import { ground, process } from "./processes.ts"

/** What a browser connects to while the processes behind it come and go. */
const balancer = (program: { readonly url: string }) =>
  Effect.acquireRelease(
    Effect.promise(() => openLine(program)),
    ({ close }) => Effect.sync(close)
  )

const browser = Effect.acquireRelease(Effect.promise(launch), (browser) => Effect.promise(() => browser.close()))

const post = (url: string) => Effect.promise(async () => (await fetch(url, { method: "POST" })).status)

/** What the browser itself says of a server that is away. */
const away = /ERR_|WebSocket connection|status of (404|503)/

const live = (page: Page) => shows(page.getByRole("banner").getByRole("status").getByText("Live", { exact: true }))

layer(ground, { excludeTestServices: true, timeout: "3 minutes" })("the dashboard of several processes", (it) => {
  it.effect(
    "shows what all of them run, as it comes and goes, and goes on with its statuses on another process",
    () =>
      Effect.gen(function* () {
        const front = yield* process("front", "--actors", "gateway")
        const actors = (yield* Effect.promise(async () =>
          (await fetch(`${front.url}/actors`)).json()
        )) as ReadonlyArray<{ readonly name: string }>
        const others = actors.map(({ name }) => name).filter((name) => name !== "gateway")
        yield* process("workers", "--actors", others.join())
        const spare = process("spare", "--actors", "gateway,inventory")
        const first = yield* Scope.fork(yield* Effect.scope)
        const { stop } = yield* Scope.provide(spare, first)

        const way = yield* balancer(front)
        const chromium = yield* browser
        const page = yield* Effect.promise(() => openPage(chromium, way, "actors/inventory"))
        const replicas = part(page, "Replicas")
        const replica = (name: string) => replicas.getByRole("listitem").filter({ hasText: `Replica 0 of ${name}` })
        const owned = (name: string) =>
          part(page, "Partitions")
            .getByRole("row")
            .filter({ hasText: `0 of ${name}` })
            .count()
        yield* Effect.promise(async () => {
          for (const name of ["workers", "spare"]) await shows(replica(name).getByText("running", { exact: true }))
          await until(async () => [await owned("workers"), await owned("spare")]).toEqual([6, 6])
        })

        // It drains, and is no more; then it is there again.
        yield* stop
        yield* Effect.promise(async () => {
          await gone(replica("spare"))
          await until(() => owned("workers")).toBe(12)
        })
        yield* Scope.close(first, Exit.void)
        const again = yield* spare
        yield* Effect.promise(async () => {
          await shows(replica("spare").getByText("running", { exact: true }))
          await until(() => owned("spare")).toBe(6)
        })

        // An import that an operator holds up, so that the process of the page's socket stops in its midst.
        const importId = yield* Effect.promise(async () => {
          await page.goto(`${way.url}/#/import`)
          await live(page)
          let importId = ""
          await page.route("**/imports?channel=*", async (route) => {
            const response = await route.fetch()
            importId = ((await response.json()) as { readonly importId: string }).importId
            await fetch(`${front.url}/actors/import-progress/keys/${importId}/pause`, { method: "POST" })
            await route.fulfill({ response })
          })
          const buffer = Buffer.from(`email\n${Array.from({ length: 500 }, (_, n) => `p.${n}@example.com\n`).join("")}`)
          await page.getByLabel("CSV file").setInputFiles({ name: "people.csv", mimeType: "text/csv", buffer })
          await page.getByRole("button", { name: "Import", exact: true }).click()
          await shows(page.getByRole("log").getByText(/^\S+ Accepted as/))
          return importId
        })
        way.to(again)
        const lost = shows(page.getByText("Connection lost; reconnecting…"))
        yield* front.stop
        yield* Effect.promise(async () => {
          await lost
          await live(page)
        })
        // Nothing asks for the progress again: it is told, by the process that is left.
        yield* post(`${again.url}/actors/import-progress/keys/${importId}/resume`)
        yield* Effect.promise(async () => {
          await shows(page.getByText("The import has ended: done."))
          await shows(part(page, "Progress").getByText("500", { exact: true }))
          expectQuiet(page, away)
        })
      }),
    240_000
  )
})
