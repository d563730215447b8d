import type { Browser, Page } from "playwright-core"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { launch } from "./chromium.ts"
import { answer, expectQuiet, gone, goTo, openPage, part, press, shows, tabTo, type, until } from "./page.ts"
import { Program, send, startPayments } from "./program.ts"
import type { Payments } from "./program.ts"

let browser: Browser
let payments: Payments
let program: Program
let page: Page
/** What the browser itself says of an answer that a test provokes. */
let provoked: RegExp | undefined

beforeAll(async () => {
  payments = await startPayments()
  ;[browser, program] = await Promise.all([
    launch(),
    Program.start({ environment: { SIXFOLD_PAYMENT_URL: payments.url } })
  ])
})
beforeEach(async () => {
  payments.declines = false
  provoked = undefined
  page = await openPage(browser, program)
})
afterEach(async () => {
  expectQuiet(page, provoked)
  await page.context().close()
})
afterAll(async () => {
  await browser.close()
  await program.end()
  await payments.close()
})

/** 404 of what a view does not know yet. */
const notYet = /status of 404/

describe("with the keyboard alone", () => {
  it("one skips the navigation, and opens an actor from the graph and from the table", async () => {
    await page.keyboard.press("Tab")
    await press(page, page.getByRole("link", { name: "Skip to the content" }))
    await press(
      page,
      page
        .getByRole("group", { name: "Graph of actors and topics" })
        .getByRole("link", { name: /^renewals running · keyed ×1 lag 0/ })
    )
    await shows(page.getByRole("heading", { level: 1, name: "renewals" }))
    await shows(part(page, "Partitions").getByRole("cell", { name: "11", exact: true }).first())
    await goTo(page, "Overview")
    await press(page, part(page, "Actors").getByRole("link", { name: "checkout", exact: true }))
    await shows(page.getByText("stock, orders, invoice-requests, order-outcomes"))
  })

  it("one restarts an actor", async () => {
    await press(page, part(page, "Actors").getByRole("link", { name: "delivery", exact: true }))
    await press(page, page.getByRole("button", { name: "Restart its replicas here" }))
    await shows(page.getByRole("status").getByText("delivery: 1 replica restarting."))
    await shows(page.getByText("running").first())
  })

  it("one imports a file, follows it to its end, and gets the rejected rows", async () => {
    await goTo(page, "Import", "Import contacts")
    const rows = Array.from({ length: 4_000 }, (_, n) => `Person ${n},person.${n}@example.com\n`).join("")
    const file = {
      name: "people.csv",
      mimeType: "text/csv",
      buffer: Buffer.from(`name,email\n${rows}Nobody,nowhere\n`)
    }
    // Asked for early: the browser has to be told that there is somebody who answers.
    const choosing = page.waitForEvent("filechooser")
    await tabTo(page, page.getByLabel("CSV file"))
    await page.keyboard.press("Enter")
    await (await choosing).setFiles(file)
    await press(page, page.getByRole("button", { name: "Import", exact: true }))
    await shows(page.getByText("The import has ended: done."))
    await shows(part(page, "Progress").getByText("4,000", { exact: true }))
    await shows(page.getByRole("log").getByText("done: 4,000 imported, 1 rejected, 0 failed"))
    const downloading = page.waitForEvent("download")
    await press(page, page.getByRole("button", { name: "Download the rejected rows" }))
    expect((await downloading).suggestedFilename()).toMatch(/^rejected-.+\.csv$/)
    // It goes on while another view is looked at.
    await goTo(page, "Overview")
    await goTo(page, "Import", "Import contacts")
    await shows(page.getByText("The import has ended: done."))
  })

  it("one writes an entry, sees somebody else's change at once, and is told of a conflict instead of overwriting it", async () => {
    await goTo(page, "Configuration")
    const entries = part(page, "Entries").first()
    await type(page, page.getByRole("textbox", { name: "Key", exact: true }), "greeting")
    await type(page, page.getByRole("textbox", { name: "Value", exact: true }), `{"hello":"world"}`)
    await press(page, page.getByRole("button", { name: "Save" }))
    await shows(entries.getByRole("row", { name: `greeting {"hello":"world"} 1` }))
    // Beside the page.
    await send(program, "PUT", "/config/greeting", "changed")
    await shows(entries.getByRole("row", { name: `greeting "changed" 2` }))

    await press(page, page.getByRole("button", { name: "Edit greeting" }))
    await type(page, page.getByRole("textbox", { name: "Value", exact: true }), `"mine"`)
    await send(program, "PUT", "/config/greeting", "theirs")
    await shows(page.getByText("Somebody else has changed this entry."))
    await shows(page.getByRole("region", { name: "Their value" }).getByText("theirs"))
    // Regardless of that.
    provoked = /status of 412/
    await press(page, page.getByRole("button", { name: "Save" }))
    await shows(page.getByRole("status").getByText("Not written: greeting is at version 3."))
    await shows(entries.getByRole("row", { name: `greeting "theirs" 3` }))
    await press(page, page.getByRole("button", { name: "Keep mine, on top of theirs" }))
    await press(page, page.getByRole("button", { name: "Save" }))
    await shows(entries.getByRole("row", { name: `greeting "mine" 4` }))

    // What is not touched is saved as it was: a text stays a text, and a long one whole.
    const text = `"${"long ".repeat(20_000)}`
    await send(program, "PUT", "/config/text", text)
    await press(page, page.getByRole("button", { name: "Edit text" }))
    await press(page, page.getByRole("button", { name: "Save" }))
    await shows(page.getByRole("status").getByText("text is at version 2."))
    expect(await (await send(program, "GET", "/config/text")).json()).toBe(text)

    await press(page, page.getByRole("button", { name: "Delete greeting" }))
    await answer(page, "Keep")
    await shows(entries.getByRole("row", { name: `greeting "mine" 4` }))
    await press(page, page.getByRole("button", { name: "Delete greeting" }))
    await answer(page, "Delete it")
    await gone(entries.getByRole("row", { name: /greeting/ }))
  })

  it("one subscribes, sees when it is due next and how it was charged, and cancels", async () => {
    provoked = notYet
    await goTo(page, "Subscriptions")
    await type(page, page.getByLabel("User", { exact: true }), "grace")
    await type(page, page.getByLabel("Interval or cron"), "2 seconds")
    await press(page, page.getByRole("button", { name: "Subscribe" }))
    const watched = part(page, "Watched subscriptions")
    await shows(watched.getByText("pro: €9.00 every 2 seconds"))
    await shows(watched.getByText(/^in \d+ s$/))
    await shows(watched.getByRole("row", { name: /charged 1/ }).nth(1))
    await press(page, page.getByRole("button", { name: "Cancel the subscription of grace" }))
    await answer(page, "Cancel it")
    await shows(watched.getByText("No subscription is known (yet, or any more)."))
  })

  it("one sets the stock, and watches an order become confirmed and another one rejected", async () => {
    provoked = notYet
    await goTo(page, "Orders")
    const stock = part(page, "Stock")
    await type(page, stock.getByLabel("SKU"), "cup")
    await type(page, stock.getByLabel("Available"), "3")
    await press(page, page.getByRole("button", { name: "Set the stock" }))
    await shows(stock.getByText("3 available, 0 reserved"))
    const checkout = part(page, "Checkout")
    const order = async (id: string, quantity: string) => {
      await type(page, checkout.getByLabel("Order"), id)
      await type(page, checkout.getByLabel("SKU"), "cup")
      await type(page, checkout.getByLabel("Quantity"), quantity)
      await press(page, page.getByRole("button", { name: "Place the order" }))
    }
    const watched = (id: string) =>
      part(page, "Watched orders")
        .getByRole("listitem")
        .filter({ hasText: `Order ${id}` })
    await order("first", "2")
    for (const text of ["confirmed", "reserved", "scheduled", "number 1"]) {
      await shows(watched("first").getByText(text, { exact: true }))
    }
    await shows(stock.getByText("1 available, 2 reserved"))
    await order("second", "2")
    for (const text of ["rejected", "short", "none"]) await shows(watched("second").getByText(text, { exact: true }))
    await press(page, page.getByRole("button", { name: "Forget order second" }))
    await gone(watched("second"))
  })

  it("one replays and discards dead letters, one and all", async () => {
    payments.declines = true
    // One due time soon, and the next one when all is over.
    const from = new Date(Date.now() + 5_000).toISOString()
    const terms = { plan: "pro", amount: 1, currency: "EUR", renew: { every: "60 seconds", from } }
    const subscribe = (user: string) => send(program, "PUT", `/subscriptions/${user}`, terms)
    await Promise.all(["una", "bea", "cleo", "dora"].map(subscribe))
    await goTo(page, "Dead letters")
    await press(page, part(page, "Actors").getByRole("link", { name: /^renewals/ }))
    const letters = part(page, "Of renewals")
    const of = (user: string) => letters.getByRole("heading", { name: user }).first()
    for (const user of ["una", "bea", "cleo", "dora"]) await shows(of(user))
    // No more of them.
    await Promise.all(["una", "bea", "cleo", "dora"].map((user) => send(program, "DELETE", `/subscriptions/${user}`)))
    payments.declines = false
    const count = async () => {
      const { deadLetters } = (await (await send(program, "GET", "/actors/renewals")).json()) as { deadLetters: number }
      return deadLetters
    }
    await until(async () => (await letters.getByRole("listitem").count()) === (await count())).toBe(true)

    const una = letters
      .getByRole("listitem")
      .filter({ has: page.getByRole("heading", { name: "una" }) })
      .first()
    await press(page, una.getByText("Value and origin"))
    await shows(una.getByText(/timer .*, due /))
    const before = await count()
    await press(page, una.getByRole("button", { name: /^Discard una/ }))
    await answer(page, "Discard it")
    await until(count).toBe(before - 1)
    await press(page, letters.getByRole("button", { name: /^Replay bea/ }).first())
    await until(count).toBe(before - 2)
    await press(page, page.getByRole("button", { name: "Replay all" }))
    await answer(page, "Replay all")
    await shows(letters.getByText("There are none."))
  })

  it("one pauses a key, finds it among what needs a hand with the command that cures it, and lets it go on", async () => {
    await goTo(page, "Keys")
    const key = "a/b <i>?"
    await tabTo(page, page.getByLabel("Actor"))
    await page.keyboard.type("inven")
    await type(page, page.getByRole("textbox", { name: "Key", exact: true }), key)
    await press(page, page.getByRole("button", { name: "Pause", exact: true }))
    const held = part(page, "Held and paused")
    await shows(held.getByRole("row", { name: /^a\/b <i>\? inventory .*paused by an operator/ }))
    await send(program, "PUT", `/inventory/${encodeURIComponent(key)}`, { quantity: 5 })
    await goTo(page, "Overview")
    await shows(
      page
        .getByRole("group", { name: "Graph of actors and topics" })
        .getByRole("link", { name: /^inventory .* 1 held$/ })
    )
    const trouble = part(page, "Needs a hand")
      .getByRole("listitem")
      .filter({ hasText: `inventory, key "${key}"` })
      .first()
    await shows(trouble.getByText(/^sixfold keys inventory resume .*'a\/b <i>\?'$/))
    await press(page, trouble.getByRole("button", { name: "Let it go on" }))
    await gone(trouble)
    await goTo(page, "Keys")
    await gone(held.getByRole("row", { name: /inventory/ }))
  })

  it("one pauses a key that no address can hold, and lets it go on", async () => {
    await goTo(page, "Keys")
    await tabTo(page, page.getByLabel("Actor"))
    await page.keyboard.type("inven")
    await type(page, page.getByRole("textbox", { name: "Key", exact: true }), "..")
    await press(page, page.getByRole("button", { name: "Pause", exact: true }))
    const row = part(page, "Held and paused").getByRole("row", { name: /^\.\. inventory / })
    await shows(row)
    await press(page, row.getByRole("button", { name: /^Resume/ }))
    await gone(row)
  })

  it("one is told at once that no message can have such a key, and commands nothing", async () => {
    provoked = /status of 400/
    await goTo(page, "Keys")
    await tabTo(page, page.getByLabel("Actor"))
    await page.keyboard.type("renew")
    await type(page, page.getByRole("textbox", { name: "Key", exact: true }), "u".repeat(257))
    await press(page, page.getByRole("button", { name: "Pause", exact: true }))
    await shows(page.getByRole("status").getByText(/^key: Expected a user id/))
    expect(
      await part(page, "Held and paused")
        .getByRole("row", { name: /renewals/ })
        .count()
    ).toBe(0)
  })
})
