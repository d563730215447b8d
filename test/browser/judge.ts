import axe from "axe-core"
import { expect } from "vitest"
import type { Page } from "playwright-core"

type Axe = typeof axe

/** What axe finds, as "rule: where". */
const violations = async (page: Page): Promise<ReadonlyArray<string>> => {
  await page.evaluate(axe.source)
  const found = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: Axe }
    return (await axe.run(document, { resultTypes: ["violations"] })).violations
  })
  return found.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${String(target)}`))
}

/** How far the page reaches beyond the window: a part that scrolls in its own box does not count. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)

/** axe finds nothing and nothing reaches beyond the window: light and dark, on a phone and on a desk. Leaves the page as a desk has it. */
export const expectFine = async (page: Page): Promise<void> => {
  // Colours that fade are judged where they end.
  await page.emulateMedia({ reducedMotion: "reduce" })
  for (const colorScheme of ["dark", "light"] as const) {
    for (const width of [360, 1280]) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width, height: 800 })
      const found = { colorScheme, width, violations: await violations(page), overflow: await overflow(page) }
      expect(found).toEqual({ colorScheme, width, violations: [], overflow: 0 })
    }
  }
}
