/** One inbox message between admission and settling. */
export interface Slot {
  readonly offset: number
  /** The offset to commit once this and all before it are done. */
  readonly next: number
  readonly bytes: number
  /** What settling it writes, in bytes; known once it is done. */
  weight: number
  /** Its turn has finished, or it is parked: it no longer holds the prefix. */
  done: boolean
}

/**
 * The admitted and unsettled messages of a partition, in offset order. What may be committed is the contiguous prefix of
 * those done: an unfinished message holds everything behind it. Pure.
 */
export class Window<S extends Slot> {
  private slots: Array<S> = []
  private head = 0
  private doneCount = 0
  private totalBytes = 0

  get size(): number {
    return this.slots.length - this.head
  }

  get bytes(): number {
    return this.totalBytes
  }

  /** How many of the window are done. */
  get done(): number {
    return this.doneCount
  }

  admit(slot: S): void {
    this.slots.push(slot)
    this.totalBytes += slot.bytes
  }

  finish(slot: S, weight: number): void {
    if (slot.done) return
    slot.done = true
    slot.weight = weight
    this.doneCount++
  }

  /** The first message not done: what holds the prefix. */
  holder(): S | undefined {
    for (let i = this.head; i < this.slots.length; i++) {
      if (!this.slots[i]!.done) return this.slots[i]
    }
    return undefined
  }

  /**
   * The end of the settleable prefix, at most `limit` messages long and `weight` bytes heavy (but at least one message): the
   * offset to commit. Undefined when the first is not done.
   */
  prefix(limit: number, weight: number): number | undefined {
    let next: number | undefined
    const end = Math.min(this.slots.length, this.head + limit)
    for (let i = this.head, sum = 0; i < end && this.slots[i]!.done; i++) {
      sum += this.slots[i]!.weight
      if (sum > weight && next !== undefined) break
      next = this.slots[i]!.next
    }
    return next
  }

  /** Forgets what lies before `next`: it is settled. */
  settle(next: number): void {
    while (this.head < this.slots.length && this.slots[this.head]!.next <= next) {
      this.totalBytes -= this.slots[this.head]!.bytes
      this.doneCount--
      this.head++
    }
    if (this.head > 1024 && this.head * 2 > this.slots.length) {
      this.slots = this.slots.slice(this.head)
      this.head = 0
    }
  }
}
