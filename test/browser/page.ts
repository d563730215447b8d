import { expect } from "vitest"
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core"

/** Longer than anything takes on a busy machine. */
const patience = 30_000

/** Everything the page said that it should not have: errors, refused scripts, exceptions. */
export const complaints = new WeakMap<Page, Array<string>>()

/** The dashboard at a view. The page fails a test that it complains in: see `expectQuiet`. */
export const openPage = async (
  browser: Browser,
  program: { readonly url: string },
  view = "",
  options: BrowserContextOptions = {},
  before: (page: Page) => Promise<unknown> = () => Promise.resolve()
): Promise<Page> => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(patience)
  const heard: Array<string> = []
  complaints.set(page, heard)
  page.on("pageerror", (error) => heard.push(error.message))
  page.on("console", (message) => {
    if (message.type() === "error") heard.push(message.text())
  })
  page.on("dialog", (dialog) => {
    heard.push(`a script asked: ${dialog.message()}`)
    void dialog.dismiss()
  })
  await before(page)
  await page.goto(`${program.url}/#/${view}`)
  await page.getByRole("heading", { level: 1 }).waitFor()
  return page
}

/** `allowed`: what the browser itself says of answers that the test provokes. */
export const expectQuiet = (page: Page, allowed?: RegExp): void => {
  const heard = complaints.get(page) ?? []
  expect(heard.filter((text) => allowed === undefined || !allowed.test(text))).toEqual([])
}

export const isFocused = (target: Locator): Promise<boolean> =>
  target.evaluate((element) => element === element.ownerDocument.activeElement)

/** Tabs until the target has the focus, as somebody without a mouse does. Fails where it cannot be reached. */
export const tabTo = async (page: Page, target: Locator, most = 150): Promise<void> => {
  await target.waitFor()
  for (let presses = 0; presses < most; presses++) {
    if (await isFocused(target)) return
    await page.keyboard.press("Tab")
  }
  throw new Error(`not reached with ${most} tabs: ${String(target)}`)
}

/** Presses a button or follows a link. */
export const press = async (page: Page, target: Locator): Promise<void> => {
  await tabTo(page, target)
  await page.keyboard.press("Enter")
}

/** Writes over what a field holds. */
export const type = async (page: Page, target: Locator, text: string): Promise<void> => {
  await tabTo(page, target)
  await page.keyboard.press("ControlOrMeta+A")
  await page.keyboard.type(text)
}

/** Says yes, or no, to a question: it has the focus, and keeps it. */
export const answer = async (page: Page, label: string): Promise<void> => {
  const dialog = page.getByRole("dialog")
  await press(page, dialog.getByRole("button", { name: label, exact: true }))
  await dialog.waitFor({ state: "detached" })
}

/** By the navigation, to the view whose heading it is. */
export const goTo = async (page: Page, link: string, heading = link): Promise<void> => {
  await press(page, page.getByRole("navigation").getByRole("link", { name: link }))
  const title = page.getByRole("heading", { level: 1, name: heading })
  await title.waitFor()
  // Who cannot see the view is told that it is another one.
  expect(await isFocused(title)).toBe(true)
}

export const shows = (target: Locator): Promise<void> => target.waitFor()
export const gone = (target: Locator): Promise<void> => target.waitFor({ state: "hidden" })

/** Asks until the answer is as expected. */
export const until = <A>(ask: () => Promise<A>) => expect.poll(ask, { timeout: patience, interval: 50 })

/** The section of a view with this heading. */
export const part = (page: Page, name: string): Locator => page.getByRole("region", { name, exact: true })
