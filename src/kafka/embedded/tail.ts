import type { StoredBatch } from "./log.ts"

const maxBytes = 4 * 1024 * 1024

interface Entries {
  readonly batches: Array<StoredBatch>
  /** Index of the oldest one kept. */
  head: number
}

/**
 * The newest batches of all logs, so that whoever reads at the end of a log does not go to the database. Bounded in bytes
 * over all logs; the oldest goes first.
 */
export class Tail {
  readonly #logs = new Map<number, Entries>()
  #order: Array<number> = []
  #oldest = 0
  #bytes = 0

  add(log: number, batch: StoredBatch): void {
    const entries = this.#logs.get(log)
    if (entries === undefined) this.#logs.set(log, { batches: [batch], head: 0 })
    else entries.batches.push(batch)
    this.#order.push(log)
    this.#bytes += batch.bytes.length
    while (this.#bytes > maxBytes || this.#order.length - this.#oldest > 65_536) this.#evict()
  }

  /** The batches from the one that holds `offset` on; none when the tail does not reach that far back. */
  from(log: number, offset: number): Iterable<StoredBatch> | undefined {
    const entries = this.#logs.get(log)
    const oldest = entries?.batches[entries.head]
    if (entries === undefined || oldest === undefined || oldest.base > offset) return undefined
    let low = entries.head
    let high = entries.batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (entries.batches[middle]!.last < offset) low = middle + 1
      else high = middle
    }
    return iterate(entries.batches, low)
  }

  /** Forgets a log whose stored batches were rewritten or deleted. */
  drop(log: number): void {
    const entries = this.#logs.get(log)
    if (entries === undefined) return
    for (let i = entries.head; i < entries.batches.length; i++) this.#bytes -= entries.batches[i]!.bytes.length
    this.#logs.delete(log)
    this.#order = this.#order.slice(this.#oldest).filter((other) => other !== log)
    this.#oldest = 0
  }

  #evict(): void {
    const log = this.#order[this.#oldest++]!
    if (this.#oldest > 1024 && this.#oldest * 2 > this.#order.length) {
      this.#order = this.#order.slice(this.#oldest)
      this.#oldest = 0
    }
    const entries = this.#logs.get(log)!
    this.#bytes -= entries.batches[entries.head++]!.bytes.length
    if (entries.head > 64 && entries.head * 2 > entries.batches.length) {
      entries.batches.splice(0, entries.head)
      entries.head = 0
    }
    if (entries.head === entries.batches.length) this.#logs.delete(log)
  }
}

function* iterate(batches: ReadonlyArray<StoredBatch>, from: number): Iterable<StoredBatch> {
  for (let i = from; i < batches.length; i++) yield batches[i]!
}
