import { randomBytes } from "node:crypto"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { Browser } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { launch } from "./chromium.ts"
import { expectFine } from "./judge.ts"
import { openLine } from "./line.ts"
import { expectQuiet, gone, goTo, openPage, part, press, shows, type, until } from "./page.ts"
import { Program, send } from "./program.ts"

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(async () => {
  await browser.close()
})

/** What the browser itself says of a server that is away. */
const away = /ERR_|WebSocket connection|status of (404|503)/

describe("a server that goes away and comes back", () => {
  it("is waited for, which is shown; then the page goes on where it was, with what happened meanwhile", async () => {
    const program = await Program.start()
    try {
      await send(program, "PUT", "/inventory/tea", { quantity: 10 })
      const page = await openPage(browser, program, "orders")
      const status = page.getByRole("banner").getByRole("status")
      await shows(status.getByText("Live", { exact: true }))
      const place = async (id: string) => {
        await part(page, "Checkout").getByLabel("Order").fill(id)
        await page.getByRole("button", { name: "Place the order" }).click()
      }
      const order = (id: string) =>
        part(page, "Watched orders")
          .getByRole("listitem")
          .filter({ hasText: `Order ${id}` })
      await place("before")
      await shows(order("before").getByText("confirmed", { exact: true }))
      // Nobody reads this one before the end: delivery is not asked.
      await send(program, "POST", "/actors/delivery/keys/during/pause")
      await place("during")
      await shows(order("during").getByText("reserved", { exact: true }))

      await program.kill()
      await shows(status.getByText(/reconnecting|trying again/))
      await part(page, "Checkout").getByLabel("Order").fill("never")
      await page.getByRole("button", { name: "Place the order" }).click()
      await shows(page.getByText("The server cannot be reached", { exact: true }))

      await program.restart()
      await shows(status.getByText("Live", { exact: true }))
      await send(program, "POST", "/actors/delivery/keys/during/resume")
      await shows(order("during").getByText("confirmed", { exact: true }))
      await place("after")
      await shows(order("after").getByText("confirmed", { exact: true }))
      // The other sources have come back as well.
      await goTo(page, "Configuration")
      await send(program, "PUT", "/config/later", true)
      await shows(page.getByRole("row", { name: "later true 1" }))
      await goTo(page, "Overview")
      await shows(part(page, "Actors").getByRole("row", { name: /^delivery keyed running 1/ }))
      expectQuiet(page, away)
      await page.context().close()
    } finally {
      await program.end()
    }
  })

  it("loses no change of the configuration: what was deleted meanwhile goes, what was written comes", async () => {
    const program = await Program.start()
    try {
      await send(program, "PUT", "/config/kept", 1)
      await send(program, "PUT", "/config/deleted", 1)
      const page = await openPage(browser, program, "config")
      await shows(page.getByRole("row", { name: "deleted 1 1" }))
      await page.getByRole("button", { name: "Edit kept" }).click()
      await page.getByRole("textbox", { name: "Value", exact: true }).fill("2")
      await program.kill()
      await shows(part(page, "Entries").first().getByText("The stream is broken; reconnecting…"))
      // The page hears of nothing before both have been done.
      await page.route("**/config/changes", (route) => route.abort())
      await program.restart()
      await send(program, "DELETE", "/config/deleted")
      await send(program, "PUT", "/config/kept", "theirs")
      await page.unroute("**/config/changes")
      await gone(page.getByRole("row", { name: /^deleted/ }))
      await shows(page.getByRole("row", { name: `kept "theirs" 2` }))
      // What was being written is still there, and not saved over theirs.
      await shows(page.getByText("Somebody else has changed this entry."))
      expect(await page.getByRole("textbox", { name: "Value", exact: true }).inputValue()).toBe("2")
      expectQuiet(page, away)
      await page.context().close()
    } finally {
      await program.end()
    }
  })

  it("may have a working interface and a broken WebSocket: that is told apart, and mended", async () => {
    const program = await Program.start()
    try {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
      const page = await context.newPage()
      let isBroken = false
      const sockets: Array<() => Promise<void>> = []
      await page.routeWebSocket("**/channels", (socket) => {
        if (isBroken) return void socket.close({ code: 4000 })
        socket.connectToServer()
        sockets.push(() => socket.close({ code: 4000 }))
      })
      await page.goto(program.url)
      const status = page.getByRole("banner").getByRole("status")
      await shows(status.getByText("Live", { exact: true }))
      isBroken = true
      for (const close of sockets) await close()
      await shows(status.getByText("Connection lost; reconnecting…"))
      // Polling goes on.
      await send(program, "POST", "/actors/delivery/keys/x/pause")
      await shows(part(page, "Needs a hand").getByText('delivery, key "x"'))
      isBroken = false
      await shows(status.getByText("Live", { exact: true }))
      await context.close()
    } finally {
      await program.end()
    }
  })
})

describe("a line to the server", () => {
  it("that is dead without a word does not pass for a live stream of the configuration", async () => {
    const program = await Program.start()
    const line = await openLine(program)
    try {
      await send(program, "PUT", "/config/k", "before")
      const page = await openPage(browser, line, "config", {}, (page) => page.clock.install())
      await shows(page.getByRole("row", { name: 'k "before" 1' }))
      line.freeze()
      await send(program, "PUT", "/config/k", "meanwhile")
      await page.clock.runFor("01:00")
      await shows(page.getByRole("row", { name: 'k "meanwhile" 2' }))
      await page.context().close()
    } finally {
      line.close()
      await program.end()
    }
  })

  it.each(["loses", "keeps"] as const)(
    "that %s the answer to an upload leaves open whether it was taken, and the page says so",
    async (what) => {
      const program = await Program.start()
      const line = await openLine(program)
      try {
        const page = await openPage(browser, line, "import", {}, (page) => page.clock.install())
        await shows(page.getByRole("banner").getByRole("status").getByText("Live", { exact: true }))
        line.loseAnswers(what === "keeps")
        const buffer = Buffer.from("E-mail\na@b.example\n")
        await page.getByLabel("CSV file").setInputFiles({ name: "c.csv", mimeType: "text/csv", buffer })
        await page.getByRole("button", { name: "Import", exact: true }).click()
        await until(() => send(program, "GET", "/contacts/a@b.example").then(({ status }) => status)).toBe(200)
        await page.clock.runFor("01:30")
        await shows(part(page, "Log").getByText(/unless all of the file had arrived$/))
        await until(() => page.getByRole("button", { name: "Import", exact: true }).isEnabled()).toBe(true)
        await page.context().close()
      } finally {
        line.close()
        await program.end()
      }
    }
  )
})

describe("a server that wants a token", () => {
  it("is given it with the keyboard; a wrong one is said to be wrong, and nothing keeps the right one", async () => {
    const token = randomBytes(16).toString("hex")
    const program = await Program.start({
      flags: async (folder) => {
        const file = join(folder, "token")
        await writeFile(file, token, { mode: 0o600 })
        return ["--token-file", file]
      }
    })
    try {
      const page = await openPage(browser, program, "config", {}, (page) => page.clock.install())
      const field = page.getByLabel("Access token")
      await shows(field)
      await expectFine(page)
      await type(page, field, "wrong")
      await page.keyboard.press("Enter")
      await shows(page.getByText("That token was refused."))
      // Nobody asks again, and what is being written stays.
      const asked: Array<string> = []
      page.on("request", (request) => asked.push(request.url()))
      page.on("websocket", (socket) => asked.push(socket.url()))
      await type(page, field, token)
      await page.clock.runFor("05:00")
      expect([await field.inputValue(), asked]).toEqual([token, []])
      await press(page, page.getByRole("button", { name: "Use token" }))
      // The view that was asked for, over the stream, the interface and the WebSocket.
      await shows(page.getByRole("heading", { level: 1, name: "Configuration" }))
      await shows(page.getByText("There is no entry yet."))
      await shows(page.getByRole("banner").getByRole("status").getByText("Live", { exact: true }))
      await send(program, "PUT", "/config/secret", 1, { authorization: `Bearer ${token}` })
      await shows(page.getByRole("row", { name: "secret 1 1" }))
      await goTo(page, "Orders")
      const kept = await page.evaluate(() => [document.cookie, localStorage.length, location.href])
      expect(kept).toEqual(["", 0, `${program.url}/#/orders`])
      expect(await page.evaluate(() => JSON.stringify(sessionStorage))).not.toContain(token)
      await page.reload()
      await shows(page.getByLabel("Access token"))
      await until(async () => page.getByRole("navigation").isVisible()).toBe(false)
      expectQuiet(page, /status of 401|WebSocket connection/)
      await page.context().close()
    } finally {
      await program.end()
    }
  })
})
