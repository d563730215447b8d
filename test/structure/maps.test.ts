import { describe, expect, it } from "vitest"
import { files, text } from "./source.ts"

/** Effect's maps compare an object by all that hangs on it: as a key it is walked through whenever it is put in. */
const keys = (source: string): ReadonlyArray<string> =>
  Array.from(
    source.matchAll(/\b(?:FiberMap|(?:Mutable)?HashMap|(?:Mutable)?HashSet)\.(?:make|empty)(?:<\s*([\w.]+))?/g),
    ([whole, key]) => key ?? whole
  )

describe("Effect's maps", () => {
  it("have texts and numbers for keys, as their types say", () => {
    const found = files("src").flatMap((path) => keys(text(path)).map((key) => `${path} ${key}`))
    expect(found.length).toBeGreaterThan(1)
    expect(found.filter((use) => !/ (string|number)$/.test(use))).toEqual([])
  })

  it("are found by what they are made with", () => {
    expect(keys("FiberMap.make<Subscription>() HashMap.empty<string, Big>() HashSet.make(one)")).toEqual([
      "Subscription",
      "string",
      "HashSet.make"
    ])
  })
})
