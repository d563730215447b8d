import { describe, expect, it } from "vitest"
// @ts-expect-error the page is plain JavaScript
import * as format from "../../topology/site/assets/format.js"
// @ts-expect-error the page is plain JavaScript
import { makeRates as untypedRates } from "../../topology/site/assets/rates.js"

const { clipped, compact, duration, money, number, relative } = format as {
  readonly clipped: (text: string, most?: number) => string
  readonly compact: (n: number) => string
  readonly duration: (milliseconds: number) => string
  readonly money: (minor: number, currency: string) => string
  readonly number: (n: number) => string
  readonly relative: (iso: string, now: number) => string
}

describe("the page's words", () => {
  it("tell numbers in full as far as people can read them", () => {
    expect([0, 1_234_567, 2 ** 53, 1e308].map(number)).toEqual(["0", "1,234,567", "9.007E15", "1E308"])
    expect([9_999, 12_345, 1e21].map(compact)).toEqual(["9,999", "12.3K", "1E21"])
  })

  it("tell times in the unit that still says something", () => {
    expect([0, 1_999, 119_999, 120_000, 7_200_000, 172_800_000].map(duration)).toEqual([
      "0 s",
      "1 s",
      "119 s",
      "2 min",
      "2 h",
      "2 d"
    ])
    expect([
      relative("1970-01-01T00:00:10.000Z", 0),
      relative("1970-01-01T00:00:00.000Z", 5_000),
      relative("soon", 0)
    ]).toEqual(["in 10 s", "5 s ago", "unknown"])
  })

  it("tell an amount to its last cent, and in the currency's own digits", () => {
    expect([
      money(Number.MAX_SAFE_INTEGER, "EUR"),
      money(5, "EUR"),
      money(900, "JPY"),
      money(1_234, "KWD").replace(/\s/, " "),
      money(900, "<b>")
    ]).toEqual(["€90,071,992,547,409.91", "€0.05", "¥900", "KWD 1.234", "900 <b>"])
  })

  it("show foreign text in one line, cut, and without what hides or turns it", () => {
    expect(clipped("a\nb\u202ec\u0000")).toBe("a\\u{a}b\\u{202e}c\\u{0}")
    expect(clipped("x".repeat(10_000), 3)).toBe("xxx… (10,000 characters)")
    expect(clipped("😀😀", 3).isWellFormed()).toBe(true)
  })
})

describe("a rate", () => {
  interface Partition {
    readonly partition: number
    readonly turns?: number
    readonly settled?: number
  }
  interface Actor {
    readonly name: string
    readonly replicas: ReadonlyArray<{
      readonly instance: string
      readonly replica: number
      readonly partitions: ReadonlyArray<Partition>
      readonly silentSince?: string
    }>
  }
  type Rates = (actors: ReadonlyArray<Actor>, now: number) => ReadonlyMap<string, number>
  const makeRates = untypedRates as () => Rates
  const replica = (instance: string, ...partitions: ReadonlyArray<Partition>) => ({ instance, replica: 0, partitions })
  const actor = (...replicas: Actor["replicas"]) => [{ name: "a", replicas }]
  const counting = (...turns: ReadonlyArray<number>) =>
    actor(replica("p", ...turns.map((turns, partition) => ({ partition, turns }))))

  it("is what was settled over the time, once there are two answers, and counts no marker of a transaction", () => {
    const rates = makeRates()
    const at = (turns: number, settled: number) => actor(replica("p", { partition: 0, turns, settled }))
    expect(rates(at(100, 200), 0).get("a")).toBeUndefined()
    expect(rates(at(120, 300), 2_000).get("a")).toBe(10)
    expect(rates(at(140, 350), 4_000).get("a")).toBe(10)
  })

  it("forgets what is long ago", () => {
    const rates = makeRates()
    rates(counting(0), 0)
    rates(counting(1_000), 2_000)
    for (let at = 4_000; at <= 40_000; at += 2_000) rates(counting(1_000), at)
    expect(rates(counting(1_000), 42_000).get("a")).toBe(0)
  })

  it("counts on over a restart, whose count begins anew", () => {
    const rates = makeRates()
    rates(counting(500), 0)
    // Nobody owns the partition for a while.
    expect(rates(actor(), 2_000).get("a")).toBe(0)
    expect(rates(counting(40), 4_000).get("a")).toBe(10)
    expect(rates(counting(80), 8_000).get("a")).toBe(10)
  })

  it("counts on over a rebalance: what the new owner has settled since it took the partition", () => {
    const rates = makeRates()
    const [zero, one] = [
      { partition: 0, turns: 300 },
      { partition: 1, turns: 700 }
    ]
    rates(actor(replica("p", zero, one)), 0)
    const shared = actor(replica("p", { ...zero, turns: 310 }), replica("q", { ...one, turns: 30 }))
    expect(rates(shared, 4_000).get("a")).toBe(10)
    // Its count may be higher than the last one's by chance.
    expect(
      rates(actor(replica("p", { ...zero, turns: 310 }), replica("r", { ...one, turns: 40 })), 8_000).get("a")
    ).toBe(10)
  })

  it("takes the count of who owns a partition now, not of a process that has died with it", () => {
    const rates = makeRates()
    const dead = { ...replica("q", { partition: 0, turns: 700 }), silentSince: "2026-01-01T00:00:00.000Z" }
    rates(actor(replica("q", { partition: 0, turns: 700 })), 0)
    const alive = (turns: number) => replica("p", { partition: 0, turns })
    expect(rates(actor(alive(20), dead), 2_000).get("a")).toBe(10)
    expect(rates(actor(dead, alive(40)), 4_000).get("a")).toBe(10)
  })

  it("takes what another process has settled for hours for no burst, where it is heard of first", () => {
    const rates = makeRates()
    rates(counting(10), 0)
    const other = replica("q", { partition: 1, turns: 5_000_000 })
    expect(rates(actor(counting(20)[0]!.replicas[0]!, other), 2_000).get("a")).toBe(5)
  })

  it("is unknown of what has no partitions, or does not count", () => {
    const rates = makeRates()
    rates(actor(replica("p")), 0)
    expect(rates(actor(replica("p")), 1_000).has("a")).toBe(false)
    expect(rates(actor(replica("p", { partition: 0, settled: 9 })), 2_000).has("a")).toBe(false)
  })
})
