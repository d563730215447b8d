import { describe, expect, it } from "vitest"
// @ts-expect-error the page is plain JavaScript
import { layout as untyped } from "../../topology/site/assets/graph/layout.js"

interface Box {
  readonly id: string
  readonly width: number
  readonly height: number
}
interface Edge {
  readonly from: string
  readonly to: string
}
interface Layout {
  readonly width: number
  readonly height: number
  readonly at: ReadonlyMap<string, { readonly x: number; readonly y: number }>
  readonly paths: ReadonlyArray<
    Edge & { readonly isBack: boolean; readonly points: ReadonlyArray<readonly [number, number]> }
  >
}
const layout = untyped as (boxes: ReadonlyArray<Box>, edges: ReadonlyArray<Edge>, width: number) => Layout

const box = (id: string, width = 100, height = 40): Box => ({ id, width, height })
const edges = (...pairs: ReadonlyArray<string>): ReadonlyArray<Edge> =>
  pairs.map((pair) => ({ from: pair.split(">")[0]!, to: pair.split(">")[1]! }))

/** What must hold of any graph. */
const expectSound = (boxes: ReadonlyArray<Box>, joined: ReadonlyArray<Edge>, width: number) => {
  const { at, height, paths, width: wide } = layout(boxes, joined, width)
  const placed = boxes.map((box) => ({ ...box, ...at.get(box.id)! }))
  for (const { height: h, id, width: w, x, y } of placed) {
    expect([id, x >= 0, y >= 0, x + w <= wide, y + h <= height]).toEqual([id, true, true, true, true])
  }
  const overlapping = placed.flatMap((a, index) =>
    placed
      .slice(index + 1)
      .filter((b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height)
      .map((b) => `${a.id} ${b.id}`)
  )
  expect(overlapping).toEqual([])
  expect(paths.map(({ from, to }) => `${from}>${to}`).toSorted()).toEqual(
    joined.map(({ from, to }) => `${from}>${to}`).toSorted()
  )
  for (const { from, isBack, points, to } of paths) {
    const [source, target] = [placed.find(({ id }) => id === from)!, placed.find(({ id }) => id === to)!]
    expect(points[0]).toEqual([source.x + source.width, source.y + source.height / 2])
    expect(points.at(-1)).toEqual([target.x, target.y + target.height / 2])
    // Whoever reads from left to right meets what comes first, first.
    if (!isBack) expect(source.x + source.width).toBeLessThan(target.x)
    for (const [x, y] of points) expect([x >= 0, x <= wide, y >= 0, y <= height]).toEqual([true, true, true, true])
  }
}

describe("the layout of a graph", () => {
  it("sets a chain in a row, and a fork below each other", () => {
    const { at } = layout([box("a"), box("b"), box("c"), box("d")], edges("a>b", "b>c", "b>d"), 1_000)
    const [a, b, c, d] = ["a", "b", "c", "d"].map((id) => at.get(id)!)
    expect(a!.y).toBe(b!.y)
    expect(c!.x).toBe(d!.x)
    expect(a!.x < b!.x && b!.x < c!.x).toBe(true)
    // In the middle of what it leads to.
    expect(Math.abs((c!.y + d!.y) / 2 - b!.y)).toBeLessThanOrEqual(1)
  })

  it("does not cross what need not cross", () => {
    const { at } = layout(
      ["a", "b", "x", "y"].map((id) => box(id)),
      edges("a>y", "b>x", "a>b"),
      1_000
    )
    expect(at.get("a")!.x).toBeLessThan(at.get("b")!.x)
    const two = layout([box("s"), box("a"), box("b"), box("x"), box("y")], edges("s>a", "s>b", "a>y", "b>x"), 1_000)
    const order = (one: string, other: string) => Math.sign(two.at.get(one)!.y - two.at.get(other)!.y)
    expect(order("a", "b")).toBe(order("y", "x"))
  })

  it("leads what goes back around the outside", () => {
    const boxes = [box("a"), box("b")]
    const { at, paths } = layout(boxes, edges("a>b", "b>a"), 1_000)
    const back = paths.find(({ isBack }) => isBack)!
    expect(back.from).toBe("b")
    expect(Math.max(...back.points.map(([, y]) => y))).toBeGreaterThan(at.get("b")!.y + 40)
  })

  it("sets what does not hang together beside each other while there is room", () => {
    const boxes = ["a", "b", "c"].map((id) => box(id))
    const wide = layout(boxes, [], 1_000)
    expect(new Set([...wide.at.values()].map(({ y }) => y)).size).toBe(1)
    const narrow = layout(boxes, [], 150)
    expect(new Set([...narrow.at.values()].map(({ x }) => x)).size).toBe(1)
  })

  it("is sound for nothing, one box, loops onto oneself, doubled edges and cycles", () => {
    expectSound([], [], 100)
    expectSound([box("a")], [], 10)
    expectSound([box("a")], edges("a>a"), 1_000)
    expectSound([box("a"), box("b")], edges("a>b", "a>b", "b>a", "b>b"), 1_000)
    expectSound(
      ["a", "b", "c"].map((id) => box(id)),
      edges("a>b", "b>c", "c>a"),
      1_000
    )
  })

  it.each(Array.from({ length: 60 }, (_, seed) => seed))(
    "is sound for a random graph (seed %i), each time the same",
    (seed) => {
      // A linear congruential generator: the same graph for the same seed.
      let state = seed * 7_919 + 17
      const draw = (below: number): number => {
        state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
        return Math.floor((state / 2_147_483_648) * below)
      }
      const boxes = Array.from({ length: 1 + draw(25) }, (_, n) => box(`n${n}`, 20 + draw(180), 20 + draw(60)))
      const joined = Array.from({ length: draw(40) }, () => ({
        from: `n${draw(boxes.length)}`,
        to: `n${draw(boxes.length)}`
      }))
      expectSound(boxes, joined, 200 + draw(1_500))
      expect(layout(boxes, joined, 900)).toEqual(layout(boxes, joined, 900))
    }
  )

  it("does not take for ever, and no stack, for a long chain", () => {
    const boxes = Array.from({ length: 3_000 }, (_, n) => box(`n${n}`))
    expectSound(boxes.slice(0, 300), edges(...Array.from({ length: 299 }, (_, n) => `n${n}>n${n + 1}`)), 1_000)
    const { at } = layout(boxes, edges(...Array.from({ length: 2_999 }, (_, n) => `n${n}>n${n + 1}`)), 1_000)
    expect(at.size).toBe(3_000)
  })
})
