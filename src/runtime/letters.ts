import * as Entry from "../store/entry.ts"

/** How many of a partition's dead letters are remembered one by one. */
const mostRemembered = 10_000

/**
 * A dead letter's id, unlike any other's in the actor's dead letters: its own place there, `partition-offset`. (Its idempotency
 * key is not unique: a letter that is replayed and fails again keeps the first one.)
 */
export const letterId = (partition: number, offset: number): string => `${partition}-${offset}`

export const letterAt = (id: string): { readonly partition: number; readonly offset: number } | undefined => {
  const found = /^(\d{1,6})-(\d{1,15})$/.exec(id)
  return found === null ? undefined : { partition: Number(found[1]), offset: Number(found[2]) }
}

/**
 * Dead letters of one partition that an operator is done with, by offset: none of them takes effect again. Beyond a bound the
 * lowest are forgotten, and everything up to them counts as done.
 */
export class LettersDone {
  private readonly offsets = new Set<number>()
  private floor = -1
  private readonly most: number

  constructor(most = mostRemembered) {
    this.most = most
  }

  has(offset: number): boolean {
    return offset <= this.floor || this.offsets.has(offset)
  }

  /** Remembers it; answers what to write. */
  add(offset: number, done: Entry.LetterDone): ReadonlyArray<Entry.EntryChange> {
    this.offsets.add(offset)
    const entries: Array<Entry.EntryChange> = [[Entry.letterKey(offset), Entry.letterValue.encode(done)]]
    if (this.offsets.size <= this.most) return entries
    const lowest = [...this.offsets].reduce((a, b) => Math.min(a, b))
    this.offsets.delete(lowest)
    this.floor = Math.max(this.floor, lowest)
    entries.push([Entry.letterKey(lowest), null], [Entry.floorKey, Entry.floorValue.encode({ floor: this.floor })])
    return entries
  }

  /** Takes over an entry of the changelog. */
  restore(entry: Entry.EntryKey, value: Uint8Array | null): void {
    if (entry.rest.length === 0) this.floor = value === null ? -1 : Entry.floorValue.decode(value).floor
    else if (value === null) this.offsets.delete(Entry.entryOffset(entry))
    else this.offsets.add(Entry.entryOffset(entry))
  }
}
