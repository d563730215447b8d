import { Latch } from "effect"
import type { Effect } from "effect"
import type { KvChange } from "./contents.ts"

/** Changes that wait for a subscriber one by one. */
const mostQueued = 1_024
/** Changes handed over at a time. */
const mostTaken = 1_024

interface Newest<V> {
  readonly change: KvChange<V>
  /** The subscriber has not heard of this key. */
  readonly isNew: boolean
}

/**
 * What one subscriber has yet to hear, in order: what was there when it came, then every change. If it is more than 1,024 changes
 * behind, it gets the newest of each key instead: a key that came and went meanwhile is not mentioned, so that what waits
 * is never more than what was in the store and what is in it now.
 */
export class Subscription<V> {
  private readonly arrived = Latch.makeUnsafe(false)
  private backlog: ReadonlyArray<KvChange<V>>
  private taken = 0
  private queue: Array<KvChange<V>> = []
  ended = false
  private newest: Map<string, Newest<V>> | undefined
  private readonly matches: (key: string) => boolean

  constructor(matches: (key: string) => boolean, present: ReadonlyArray<KvChange<V>>) {
    this.matches = matches
    this.backlog = present
  }

  /** Waits until `take` may have something, after it had nothing. */
  get some(): Effect.Effect<void> {
    return this.arrived.await
  }

  /** Ends the wait for `some` if there is something: the subscriber may run at once, before this returns. */
  wake(): void {
    if (this.queue.length > 0 || this.newest !== undefined || this.ended) this.arrived.openUnsafe()
  }

  /** Nothing will come any more. */
  end(): void {
    this.ended = true
    this.wake()
  }

  /** `existed`: whether the key had an entry before. Wakes nobody. */
  offer(change: KvChange<V>, existed: boolean): void {
    if (!this.matches(change.key)) return
    if (this.newest === undefined && this.queue.length < mostQueued) {
      this.queue.push(change)
      return
    }
    this.newest ??= new Map()
    const isNew = this.newest.get(change.key)?.isNew ?? !existed
    if (isNew && change.entry._tag === "None") this.newest.delete(change.key)
    else this.newest.set(change.key, { change, isNew })
  }

  /** The next changes; empty when there are none yet. */
  take(): ReadonlyArray<KvChange<V>> {
    if (this.taken === this.backlog.length) this.advance()
    const next = this.backlog.slice(this.taken, this.taken + mostTaken)
    this.taken += next.length
    if (next.length === 0) this.arrived.closeUnsafe()
    return next
  }

  private advance(): void {
    this.taken = 0
    if (this.queue.length > 0 || this.newest === undefined) {
      this.backlog = this.queue
      this.queue = []
      return
    }
    this.backlog = [...this.newest.values()].map(({ change }) => change)
    this.newest = undefined
  }
}
