import { Cause, Effect, Option, Stream } from "effect"
import type { Pull, Scope } from "effect"
import type { KafkaRecord } from "../../kafka/records.ts"
import type { Contents, KvChange, KvEntry } from "./contents.ts"
import { Subscription } from "./subscription.ts"

/** Which keys: one, or all with a prefix. */
export type KvFilter = { readonly key: string } | { readonly prefix: string }

type Chunk<V> = readonly [KvChange<V>, ...Array<KvChange<V>>]

/** Hears of every record that was applied, also of those that changed nothing. */
export type Applied = (change: KvChange<unknown>) => void

const matcher = (filter: KvFilter | undefined): ((key: string) => boolean) => {
  if (filter === undefined) return () => true
  return "key" in filter ? (key) => key === filter.key : (key) => key.startsWith(filter.prefix)
}

/** The store as this process has it in memory, and those who follow it. */
export class Replica<V> {
  contents: Contents<V>
  private readonly subscriptions = new Set<Subscription<V>>()
  private readonly applied: Applied
  private isLoaded = false
  private ended = false

  constructor(contents: Contents<V>, applied: Applied) {
    this.contents = contents
    this.applied = applied
  }

  /** Takes over the records that come next. */
  apply(records: ReadonlyArray<KafkaRecord>): void {
    const { entries } = this.contents
    for (const record of records) {
      const before = entries.size
      const change = this.contents.apply(record)
      if (change === undefined) continue
      // A key is put in or taken out, or nothing is: the size tells which.
      this.publish(change, Option.isSome(change.entry) ? entries.size === before : entries.size < before)
    }
    this.wake()
  }

  /** Takes over what was read from the beginning, and tells what is different. */
  replace(contents: Contents<V>): void {
    const before = this.contents
    this.contents = contents
    // Before the store is open nobody follows it, and nobody waits for a write.
    if (this.isLoaded) this.compare(before)
    this.isLoaded = true
    this.wake()
  }

  private compare(before: Contents<V>): void {
    const { entries, undecodable } = this.contents
    for (const [key, { version }] of before.entries) {
      if (entries.has(key)) continue
      // Of a delete the log may keep nothing: it was the next write, or a later one.
      this.publish({ key, version: undecodable.get(key)?.version ?? version + 1, entry: Option.none() }, true)
    }
    for (const [key, entry] of entries) {
      const { version } = entry
      if (before.versionOf(key) === version) continue
      this.publish({ key, version, entry: Option.some(entry) }, before.entries.has(key))
    }
  }

  *entries(filter?: KvFilter): Iterable<readonly [key: string, entry: KvEntry<V>]> {
    if (filter !== undefined && "key" in filter) {
      const entry = this.contents.entries.get(filter.key)
      if (entry !== undefined) yield [filter.key, entry]
      return
    }
    const matches = matcher(filter)
    for (const each of this.contents.entries) if (matches(each[0])) yield each
  }

  changes(filter?: KvFilter): Stream.Stream<KvChange<V>> {
    return Stream.unwrap(Effect.map(this.subscribe(filter), (pull) => Stream.fromPull(Effect.succeed(pull))))
  }

  /** Ends every stream of changes. */
  end(): void {
    this.ended = true
    for (const subscription of Array.from(this.subscriptions)) subscription.end()
  }

  private subscribe(filter: KvFilter | undefined): Effect.Effect<Pull.Pull<Chunk<V>>, never, Scope.Scope> {
    return Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => {
          const present = Array.from(this.entries(filter), ([key, entry]) => ({
            key,
            version: entry.version,
            entry: Option.some(entry)
          }))
          const subscription = new Subscription(matcher(filter), present)
          if (this.ended) subscription.end()
          this.subscriptions.add(subscription)
          return subscription
        }),
        (subscription) => Effect.sync(() => this.subscriptions.delete(subscription))
      ),
      (subscription) => {
        const pull: Pull.Pull<Chunk<V>> = Effect.suspend(() => {
          const next = subscription.take()
          if (isChunk(next)) return Effect.succeed(next)
          return subscription.ended ? Cause.done() : Effect.andThen(subscription.some, pull)
        })
        return pull
      }
    )
  }

  /** Once everything is in its place: who is woken runs at once, and may subscribe or leave. */
  private wake(): void {
    for (const subscription of Array.from(this.subscriptions)) subscription.wake()
  }

  private publish(change: KvChange<V>, existed: boolean): void {
    this.applied(change)
    // A tombstone of a key that was not there is no change.
    if (!existed && Option.isNone(change.entry)) return
    for (const subscription of this.subscriptions) subscription.offer(change, existed)
  }
}

const isChunk = <V>(changes: ReadonlyArray<KvChange<V>>): changes is Chunk<V> => changes.length > 0
