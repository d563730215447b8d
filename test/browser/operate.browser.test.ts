import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { launch } from "./chromium.ts"
import { expectFine } from "./judge.ts"
import { answer, expectQuiet, gone, goTo, isFocused, openPage, part, press, shows, tabTo, until } from "./page.ts"
import { Program, send } from "./program.ts"

const entry = fileURLToPath(new URL("fixture/main.ts", import.meta.url))

let browser: Browser
let program: Program
let page: Page

beforeAll(async () => {
  ;[browser, program] = await Promise.all([launch(), Program.start({ entry })])
  page = await openPage(browser, program)
})
afterAll(async () => {
  await browser.close()
  await program.end()
})

const bring = (key: string, word: string) => send(program, "POST", `/judge/${key}/${word}`)

const deadLetters = async (): Promise<number> => {
  const actor = (await (await send(program, "GET", "/actors/judge")).json()) as { readonly deadLetters: number }
  return actor.deadLetters
}

/** What an operator at a terminal is told at the same moment. */
const status = (): Promise<string> =>
  new Promise((resolve) => {
    execFile(process.execPath, [entry, "status", "--url", program.url], (_, printed) => resolve(printed))
  })

/** The page and the terminal say the same: of each trouble what it is, why, and the commands that cure it. */
const expectSameWords = async (what: string) => {
  await goTo(page, "Overview")
  const trouble = part(page, "Needs a hand").getByRole("listitem").filter({ hasText: what }).first()
  await shows(trouble)
  const commands = await trouble.locator("code").allTextContents()
  expect(commands.length).toBeGreaterThan(0)
  const printed = await status()
  for (const text of [what, ...commands]) expect(printed).toContain(text)
  return trouble
}

describe("an operator, with the keyboard alone,", () => {
  it("skips what holds a key, and resumes another one", async () => {
    for (const key of ["one", "two"]) await bring(key, "odd")
    await bring("one", "good")
    const trouble = await expectSameWords('judge, key "one"')
    await shows(trouble.getByText("this word is odd"))
    await expectFine(page)
    await goTo(page, "Keys")
    const row = (key: string) => page.getByRole("row", { name: new RegExp(`^${key} judge .*this word is odd`) })
    await shows(row("one"))
    await expectFine(page)
    await press(page, page.getByRole("button", { name: "Skip one of judge" }))
    await answer(page, "Keep")
    await shows(row("one"))
    await press(page, page.getByRole("button", { name: "Skip one of judge" }))
    await answer(page, "Skip it")
    await gone(row("one"))
    await until(deadLetters).toBe(1)
    await send(program, "POST", "/mend")
    await press(page, page.getByRole("button", { name: "Resume two of judge" }))
    await gone(row("two"))
    expect(await deadLetters()).toBe(1)
    await program.kill()
    await program.restart()
  })

  it("discards the dead letters of an actor, all of them", async () => {
    await Promise.all(Array.from({ length: 60 }, (_, n) => bring(`bad-${n}`, "bad")))
    await until(deadLetters).toBe(61)
    await expectSameWords("judge, 61 dead letters")
    // Others may come while one is about to press something.
    const replay = part(page, "Needs a hand").getByRole("button", { name: "Handle them again" })
    await tabTo(page, replay)
    await bring("bad-60", "bad")
    const trouble = part(page, "Needs a hand")
      .getByRole("listitem")
      .filter({ hasText: "judge, 62 dead letters" })
      .first()
    await shows(trouble)
    expect(await isFocused(replay)).toBe(true)
    await press(page, trouble.getByRole("link", { name: "Show them" }))
    const letters = part(page, "Of judge")
    await until(() => letters.getByRole("listitem").count()).toBe(20)
    await expectFine(page)
    await press(page, page.getByRole("button", { name: "Show more" }))
    await until(() => letters.getByRole("listitem").count()).toBe(40)
    await press(page, page.getByRole("button", { name: "Discard all" }))
    await answer(page, "Discard all")
    await shows(letters.getByText("There are none."))
    await until(deadLetters).toBe(0)
  })

  it("starts an actor anew that has failed", async () => {
    await bring("three", "worse")
    const trouble = await expectSameWords("judge, replica 0 of ")
    await shows(trouble.getByText("this word breaks it"))
    const graph = page.getByRole("group", { name: "Graph of actors and topics" })
    await shows(graph.getByRole("link", { name: /^judge failed / }))
    await expectFine(page)
    await press(page, trouble.getByRole("link", { name: /^judge, replica 0/ }))
    await shows(part(page, "Replicas").getByText(/this word breaks it/))
    await expectFine(page)
    await goTo(page, "Overview")
    await send(program, "POST", "/mend")
    await press(page, trouble.getByRole("button", { name: "Start it anew at once" }))
    await shows(part(page, "Needs a hand").getByText("Nothing is stuck."))
    await shows(graph.getByRole("link", { name: /^judge running / }))
    await shows(part(page, "Actors").getByRole("row", { name: /^judge keyed running 1/ }))
    expectQuiet(page, /ERR_|WebSocket connection|status of 503/)
  })
})
