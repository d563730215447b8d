import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { launch } from "./chromium.ts"
import { expectFine } from "./judge.ts"
import { expectQuiet, gone, openPage, part, shows } from "./page.ts"
import { Program, send } from "./program.ts"

let browser: Browser
let program: Program

beforeAll(async () => {
  ;[browser, program] = await Promise.all([launch(), Program.start()])
})
afterAll(async () => {
  await browser.close()
  await program.end()
})

const live = (page: Page) => shows(page.getByRole("banner").getByRole("status").getByText("Live", { exact: true }))
/** 404 of what a view does not know yet. */
const notYet = /status of 404/
const channelOf = (page: Page) =>
  page.evaluate(() => JSON.parse(sessionStorage.getItem("sixfold.channel")!) as { id: string; token: string })

describe("a reload", () => {
  it("forgets nothing that is watched, and nothing is remembered that was forgotten", async () => {
    await send(program, "PUT", "/inventory/cup", { quantity: 5 })
    const page = await openPage(browser, program, "orders")
    const watched = part(page, "Watched orders")
    const order = (id: string) => watched.getByRole("listitem").filter({ hasText: `Order ${id}` })
    await live(page)
    for (const id of ["kept", "dropped"]) {
      await part(page, "Checkout").getByLabel("Order").fill(id)
      await part(page, "Checkout").getByLabel("SKU").fill("cup")
      await page.getByRole("button", { name: "Place the order" }).click()
      await shows(order(id).getByText("confirmed", { exact: true }))
    }
    await page.getByRole("button", { name: "Forget order dropped" }).click()
    await gone(order("dropped"))
    const before = await channelOf(page)
    await page.reload()
    await shows(order("kept").getByText("confirmed", { exact: true }))
    await shows(part(page, "Stock").getByText(/^3 available, 2 reserved$/))
    expect(await order("dropped").count()).toBe(0)
    // Another tab knows nothing of it.
    const other = await openPage(browser, program, "orders")
    await shows(other.getByText("No order is watched."))
    await other.context().close()
    // The channel goes on: what is done now is told on the one that there was.
    await live(page)
    expect((await channelOf(page)).id).toBe(before.id)
    expectQuiet(page, notYet)
    await page.context().close()
  })

  it("is not needed where an address names orders and users, whatever is in it", async () => {
    const markup = "<img src=x onerror=alert(1)>"
    const long = "w".repeat(1_025)
    const terms = { plan: "pro", amount: 900, currency: "EUR", renew: { every: "30 days" } }
    await send(program, "PUT", `/subscriptions/${encodeURIComponent("a/b")}`, terms)
    const names = [markup, "a/b", long].map(encodeURIComponent).join("/")
    const page = await openPage(browser, program, `subscriptions/${names}//`)
    const headings = part(page, "Watched subscriptions").getByRole("heading", { level: 3 })
    await shows(part(page, "Watched subscriptions").getByText("pro: €9.00 every 30 days"))
    expect(await headings.allTextContents()).toEqual([markup, "a/b"])
    await page.goto(`${program.url}/#/orders/one/two`)
    await shows(part(page, "Watched orders").getByText("Order two"))
    await expectFine(page)
    expect(await page.locator("main img").count()).toBe(0)
    expectQuiet(page, notYet)
    await page.context().close()
  })

  it("goes on with an import that is under way, to its end, over the channel that there was", async () => {
    const page = await openPage(browser, program, "import")
    await live(page)
    const sent: Array<string> = []
    page.on("websocket", (socket) => socket.on("framesent", ({ payload }) => sent.push(String(payload))))
    const rows = Array.from({ length: 3_000 }, (_, n) => `person.${n}@example.com\n`).join("")
    const buffer = Buffer.from(`email\n${rows}nowhere\n`)
    // Held back by an operator, so that the reload comes before the end, however fast the machine is.
    const accepted = page.waitForResponse((response) => response.url().includes("/imports?channel="))
    await page.route("**/imports?*", async (route) => {
      const response = await route.fetch()
      const { importId } = (await response.json()) as { readonly importId: string }
      await send(program, "POST", `/actors/import-progress/keys/${importId}/pause`)
      await route.fulfill({ response })
    })
    await page.getByLabel("CSV file").setInputFiles({ name: "people.csv", mimeType: "text/csv", buffer })
    await page.getByRole("button", { name: "Import", exact: true }).click()
    const { importId } = (await (await accepted).json()) as { readonly importId: string }
    await shows(page.getByRole("log").getByText(`Accepted as ${importId}`))
    const before = await channelOf(page)
    await page.reload()
    await shows(page.getByRole("log").getByText(`Going on with ${importId}`))
    await shows(page.getByRole("button", { name: "Cancel import" }))
    await live(page)
    expect(sent.some((frame) => frame.includes(before.id) && frame.includes(before.token))).toBe(true)
    // Each follower is given a token of a day from then on.
    await expect.poll(async () => (await channelOf(page)).token, { timeout: 30_000 }).not.toBe(before.token)
    await send(program, "POST", `/actors/import-progress/keys/${importId}/resume`)
    await shows(page.getByText("The import has ended: done."))
    await shows(part(page, "Progress").getByText("3,000", { exact: true }))
    await page.reload()
    await shows(page.getByText("The import has ended: done."))
    await shows(page.getByRole("button", { name: "Download the rejected rows" }))
    await page.unrouteAll()
    await expectFine(page)
    expectQuiet(page, notYet)
    await page.context().close()
  })

  it("begins a channel of its own where the one that there was may not be followed any more", async () => {
    const page = await openPage(browser, program, "import")
    await live(page)
    const { id } = await channelOf(page)
    for (const spoilt of [
      `{"id":"${id}","token":"forged"}`,
      `{"id":7}`,
      "{",
      `{"id":"${"x".repeat(5_000)}","token":""}`
    ]) {
      await page.evaluate((spoilt) => sessionStorage.setItem("sixfold.channel", spoilt), spoilt)
      await page.reload()
      await live(page)
      await expect.poll(async () => (await channelOf(page)).token.length, { timeout: 30_000 }).toBeGreaterThan(20)
      expect((await channelOf(page)).id).not.toBe(id)
      await shows(page.getByRole("button", { name: "Import", exact: true, disabled: false }))
    }
    expectQuiet(page)
    await page.context().close()
  })
})
