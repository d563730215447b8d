/**
 * A binary heap by `due` (milliseconds since the epoch). Single entries are not removed: whoever pops one asks whether it still
 * holds, and `retain` throws out all that do not.
 */
export class DueHeap<T extends { readonly due: number }> {
  private items: Array<T> = []

  get size(): number {
    return this.items.length
  }

  peek(): T | undefined {
    return this.items[0]
  }

  push(item: T): void {
    const items = this.items
    let at = items.length
    items.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (items[parent]!.due <= item.due) break
      items[at] = items[parent]!
      at = parent
    }
    items[at] = item
  }

  /** Keeps only what passes. Linear. */
  retain(holds: (item: T) => boolean): void {
    const items = this.items.filter(holds)
    if (items.length === this.items.length) return
    this.items = items
    for (let at = (items.length >> 1) - 1; at >= 0; at--) this.sink(items[at]!, at)
  }

  /** The earliest item if it is due at `now`. */
  popDue(now: number): T | undefined {
    const items = this.items
    const first = items[0]
    if (first === undefined || first.due > now) return undefined
    const last = items.pop()!
    if (items.length > 0) this.sink(last, 0)
    return first
  }

  /** Puts an item in its place at `start` or below. */
  private sink(item: T, start: number): void {
    const items = this.items
    let at = start
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && items[child + 1]!.due < items[child]!.due) child++
      if (items[child]!.due >= item.due) break
      items[at] = items[child]!
      at = child
    }
    items[at] = item
  }
}
