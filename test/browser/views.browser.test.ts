import { fileURLToPath } from "node:url"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { launch } from "./chromium.ts"
import { expectFine, overflow } from "./judge.ts"
import { expectQuiet, openPage, part, shows, until } from "./page.ts"
import { Program, send, startPayments } from "./program.ts"
import type { Payments } from "./program.ts"

let browser: Browser
let payments: Payments
let program: Program
/** An actor of whose keys nothing is asked, and its program. */
let judge: Program

/** What a page that trusted it would run, and what one that did not expect it would burst with. */
const markup = `<img src=x onerror=alert(1)>`
const long = "k".repeat(10_000)
const wide = "w".repeat(250)
const backwards = "\u202egnp.exe"

const path = (...parts: ReadonlyArray<string>) => `/${parts.map(encodeURIComponent).join("/")}`

beforeAll(async () => {
  payments = await startPayments()
  payments.declines = true
  ;[browser, program, judge] = await Promise.all([
    launch(),
    Program.start({ environment: { SIXFOLD_PAYMENT_URL: payments.url } }),
    Program.start({ entry: fileURLToPath(new URL("fixture/main.ts", import.meta.url)) })
  ])
  const terms = { plan: `"><svg onload=alert(1)> ${wide.slice(80)}`, amount: Number.MAX_SAFE_INTEGER, currency: "EUR" }
  await Promise.all([
    send(program, "PUT", path("config", markup), { html: "<script>alert(1)</script>", huge: 1e308, long }),
    send(program, "PUT", path("config", wide), backwards),
    send(program, "PUT", path("config", backwards), -1e-300),
    send(program, "PUT", path("inventory", markup), { quantity: 1_000_000_000 }),
    ...[`${markup}!`, long, backwards].map((key) => send(judge, "POST", path("actors", "judge", "keys", key, "pause"))),
    ...[markup, wide].map((user) =>
      send(program, "PUT", path("subscriptions", user), { ...terms, renew: { every: "1 second" } })
    )
  ])
})
afterAll(async () => {
  await browser.close()
  await Promise.all([program.end(), judge.end()])
  await payments.close()
})

const fillIn = async (page: Page, region: string, fields: Readonly<Record<string, string>>, button: string) => {
  const form = part(page, region)
  for (const [label, text] of Object.entries(fields)) await form.getByLabel(label, { exact: true }).fill(text)
  await form.getByRole("button", { name: button, exact: true }).click()
}

/** How the long key is told of where it is held. */
const longHeld = /^judge, key "k+… \(\d+ characters\)/

/** Every view with something in it, and what has to be seen before it is judged. */
const views: Readonly<Record<string, readonly [view: string, prepare: (page: Page) => Promise<unknown>]>> = {
  overview: ["", (page) => shows(part(page, "Actors").getByRole("row", { name: /^renewals keyed running/ }))],
  "a trouble": ["", (page) => shows(part(page, "Needs a hand").getByText(longHeld).first())],
  "an actor": ["actors/judge", (page) => shows(part(page, "Needs a hand").getByText(longHeld).first())],
  "an actor that does not exist": [
    path("actors", markup).slice(1),
    (page) => shows(page.getByText("There is no actor of this name."))
  ],
  import: [
    "import",
    async (page) => {
      const buffer = Buffer.from(`email\nada@example.com\n${markup}\n`)
      await page.getByLabel("CSV file").setInputFiles({ name: `${markup}.csv`, mimeType: "text/csv", buffer })
      await page.getByRole("button", { name: "Import", exact: true }).click()
      await shows(page.getByText("The import has ended: done."))
    }
  ],
  configuration: [
    "config",
    async (page) => {
      await shows(page.getByRole("rowheader", { name: "\\u{202e}gnp.exe" }))
      await page.getByRole("button", { name: `Edit ${markup}` }).click()
      await send(program, "PUT", path("config", markup), { html: markup, long })
      await shows(page.getByText("Somebody else has changed this entry."))
    }
  ],
  "a question": [
    "config",
    async (page) => {
      await page.getByRole("button", { name: `Delete ${markup}` }).click()
      await shows(page.getByRole("dialog"))
    }
  ],
  subscriptions: [
    "subscriptions",
    async (page) => {
      for (const user of [markup, wide]) await fillIn(page, "Subscribe", { User: user }, "Watch")
      await shows(
        part(page, "Watched subscriptions")
          .getByText(/€90,071,992,547,409.91/)
          .first()
      )
      await shows(part(page, "Watched subscriptions").getByText("failed").first())
    }
  ],
  orders: [
    "orders",
    async (page) => {
      await fillIn(page, "Checkout", { Order: markup, User: markup, SKU: markup }, "Place the order")
      await shows(part(page, "Watched orders").getByText("confirmed", { exact: true }).first())
      await shows(part(page, "Stock").getByText(/99.* available/))
      await fillIn(page, "Watched orders", { "Order to watch": wide.slice(0, 64) }, "Watch")
      await shows(page.getByText("Not known yet."))
    }
  ],
  "dead letters": [
    "dead-letters/renewals",
    async (page) => {
      const letters = part(page, "Of renewals")
      await shows(letters.getByRole("heading", { name: markup }).first())
      await letters.getByText("Value and origin").first().click()
    }
  ],
  keys: ["keys", (page) => shows(page.getByRole("rowheader", { name: /^k{80}… \(10,000 characters\)$/ }))]
}

/** Shown of the actor whose keys may be anything. */
const ofJudge = new Set(["a trouble", "an actor", "keys"])

describe.each(Object.entries(views))("the view of %s", (name, [view, prepare]) => {
  it("has no violation in light and dark, on a phone and a desk, fits into both, and shows foreign text as text", async () => {
    const page = await openPage(browser, ofJudge.has(name) ? judge : program, view)
    await prepare(page)
    await expectFine(page)
    // The brand is the only picture, and no text has become an element.
    expect(await page.locator("img").count()).toBe(1)
    expect(await page.locator("body script, main img, [onload], [onerror]").count()).toBe(0)
    expectQuiet(page, /status of 404/)
    await page.context().close()
  })
})

describe("the page", () => {
  it("moves nothing for those who ask for less motion, and something for others", async () => {
    const animations = async (reducedMotion: "reduce" | "no-preference") => {
      const page = await openPage(browser, program, "config", { reducedMotion })
      await shows(page.getByRole("rowheader", { name: "\\u{202e}gnp.exe" }))
      await send(program, "PUT", path("config", backwards), reducedMotion)
      await shows(page.getByRole("row", { name: new RegExp(reducedMotion) }))
      const row = page.locator("tr.news")
      await row.waitFor()
      const count = await row.evaluate((element) => getComputedStyle(element).animationName)
      await page.context().close()
      return count
    }
    expect(await animations("reduce")).toBe("none")
    expect(await animations("no-preference")).toBe("news")
  })

  it("tells in the graph and in the table how much is settled a second, over all partitions", async () => {
    const page = await openPage(browser, program, "", {}, (page) => {
      let turns = 0
      return page.route("**/actors", async (route) => {
        turns += 1_000
        const partitions = [0, 1].map((partition) => ({
          partition,
          turns,
          // With the markers of transactions.
          settled: 1_000_000 + 2 * turns,
          lag: 12_345,
          inFlight: 0,
          parked: 0,
          held: null
        }))
        const replica = { instance: "p", replica: 0, state: "running", partitions, restarts: 3 }
        const actor = { name: "renewals", kind: "keyed", state: "running", replicas: [replica], deadLetters: 0 }
        await route.fulfill({ json: [actor] })
      })
    })
    // Two thousand from one answer to the next, which is two seconds or more.
    await shows(page.getByRole("row", { name: /^renewals keyed running 1 24,690 [1-9][\d.,]*\/s 0 0 3 0$/ }))
    await shows(page.getByRole("link", { name: /^renewals running · keyed ×1 lag 24.7K [1-9][\d.,]*\/s 3 restarts$/ }))
    await page.context().close()
  })

  it("lets nothing run, look or go out that is not its own, whatever gets into it", async () => {
    const page = await openPage(browser, program)
    await page.evaluate(() => {
      document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) => {
        document.title += ` ${effectiveDirective}`
      })
      const elsewhere = "http://127.0.0.1:1/x.js"
      const put = (tag: string, attributes: Readonly<Record<string, string>>) => {
        const element = document.createElement(tag)
        for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
        document.body.append(element)
      }
      put("link", { rel: "modulepreload", href: elsewhere })
      put("link", { rel: "stylesheet", href: elsewhere })
      put("img", { src: elsewhere })
      put("iframe", { src: elsewhere })
      put("base", { href: elsewhere })
      put("p", { style: "color: red" })
      fetch(elsewhere).catch(() => undefined)
      try {
        document.body.innerHTML = "<b>html</b>"
      } catch {
        // Said as a violation.
      }
    })
    const refused = async () =>
      [...new Set((await page.title()).split(" ").filter((word) => word.includes("-")))].toSorted()
    await until(refused).toEqual([
      "base-uri",
      "connect-src",
      "frame-src",
      "img-src",
      "require-trusted-types-for",
      "script-src-elem",
      "style-src-attr",
      "style-src-elem"
    ])
    await page.context().close()
  })

  it("writes nothing in the graph beyond its box, however long a name and however much the trouble", async () => {
    const name = "W".repeat(60)
    const topic = `${name}.commands`
    const held = { key: "k", since: "2026-01-01T00:00:00Z", cause: "c" }
    const partition = { partition: 0, turns: 0, lag: 9_999, inFlight: 0, parked: 0, held }
    const stuck = { count: 9_999, keys: [held] }
    const replica = {
      instance: "p",
      replica: 0,
      state: "restoring",
      partitions: [{ ...partition, stuck }],
      restarts: 9_999
    }
    const actor = { name, kind: "projection", state: "restoring", replicas: [replica], deadLetters: 9_999 }
    const node = { name, kind: "projection", inbox: [topic], emits: [topic], dependsOn: [], start: 0, stop: 0 }
    const page = await openPage(browser, program, "", {}, async (page) => {
      await page.route("**/topology", (route) => route.fulfill({ json: { name: "t", nodes: [node] } }))
      await page.route("**/actors", (route) => route.fulfill({ json: [actor] }))
    })
    const graph = page.getByRole("group", { name: "Graph of actors and topics" })
    await shows(graph.getByRole("link", { name: /9,999 restarts · 9,999 dead · 9,999 held$/ }))
    const beyond = await graph.locator("text").evaluateAll((texts) =>
      texts.flatMap((text) => {
        const [inner, outer] = [text, text.parentElement!.querySelector("rect")!].map((element) =>
          element.getBoundingClientRect()
        )
        return inner!.left < outer!.left || inner!.right > outer!.right ? [text.textContent] : []
      })
    )
    expect(beyond).toEqual([])
    await page.context().close()
  })

  it("survives answers that no server of ours gives", async () => {
    const page = await openPage(browser, program)
    const held = { key: long, since: "not a time", cause: `${markup}${backwards}${long}` }
    const partition = {
      partition: 1e21,
      lag: 1e300,
      inFlight: -1,
      parked: Number.MAX_VALUE,
      held,
      stuck: { count: 1e9, keys: [held] }
    }
    const replica = {
      instance: long,
      replica: 0,
      state: markup,
      partitions: [partition],
      restarts: 1e308,
      trouble: held
    }
    const actors = [
      {
        name: "renewals",
        kind: "keyed",
        state: "failed",
        replicas: [{ ...replica, state: "failed" }],
        deadLetters: 1e300
      },
      { name: markup, kind: "keyed", state: markup, replicas: [replica], deadLetters: 0 },
      { name: long, kind: "keyed", state: "running", replicas: [], deadLetters: 0 }
    ]
    await page.route("**/actors", (route) => route.fulfill({ json: actors }))
    await shows(
      part(page, "Needs a hand")
        .getByText(/replica 0 of k+/)
        .first()
    )
    await page.setViewportSize({ width: 360, height: 800 })
    await shows(part(page, "Actors").getByText(markup).first())
    expect(await overflow(page)).toBe(0)
    expect(await page.locator("main img").count()).toBe(0)
    expectQuiet(page)
    await page.context().close()
  })
})
