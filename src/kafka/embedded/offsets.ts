import type { DatabaseSync, StatementSync } from "node:sqlite"

interface Entry {
  /** The next offset to read. */
  readonly next: number
  /** Order of writing: of a pending and a plain commit, the one written later wins, as in Kafka's offsets topic. */
  readonly order: number
}

type ByLog = Map<number, Entry>

/** Committed offsets per group, and those that wait for the end of their transaction. */
export class CommittedOffsets {
  readonly #committed = new Map<string, ByLog>()
  /** Group → producer → log. */
  readonly #pending = new Map<string, Map<number, ByLog>>()
  readonly #watchers = new Map<string, Set<() => void>>()
  readonly #save: StatementSync
  readonly #forget: StatementSync
  #order = 0

  readonly #wakes: Array<() => void>

  /** Whoever is to be woken is put into `wakes`. */
  constructor(db: DatabaseSync, wakes: Array<() => void>) {
    this.#wakes = wakes
    this.#save = db.prepare("INSERT OR REPLACE INTO offsets VALUES (?, ?, ?)")
    this.#forget = db.prepare("DELETE FROM offsets WHERE consumers = ?")
    for (const row of db.prepare("SELECT * FROM offsets").all()) {
      this.#of(String(row["consumers"])).set(Number(row["log"]), { next: Number(row["next"]), order: 0 })
    }
  }

  /** Undefined: none. */
  get(group: string, log: number): number | undefined {
    return this.#committed.get(group)?.get(log)?.next
  }

  /** An open transaction may yet change one of these. */
  isPending(group: string, logs: ReadonlyArray<number>): boolean {
    for (const ofProducer of this.#pending.get(group)?.values() ?? []) {
      if (logs.some((log) => ofProducer.has(log))) return true
    }
    return false
  }

  commit(group: string, log: number, next: number): void {
    this.#put(group, log, { next, order: ++this.#order })
  }

  /** Within a transaction: nothing is seen of it before `end`. */
  hold(group: string, producer: number, log: number, next: number): void {
    const producers = this.#pending.get(group) ?? new Map<number, ByLog>()
    this.#pending.set(group, producers)
    const byLog = producers.get(producer) ?? new Map<number, Entry>()
    producers.set(producer, byLog)
    byLog.set(log, { next, order: ++this.#order })
  }

  /** Ends what a producer's transaction holds of the group. */
  end(group: string, producer: number, committed: boolean): void {
    const producers = this.#pending.get(group)
    const held = producers?.get(producer)
    if (producers === undefined || held === undefined) return
    producers.delete(producer)
    if (producers.size === 0) this.#pending.delete(group)
    if (committed) {
      for (const [log, entry] of held) {
        const present = this.#committed.get(group)?.get(log)
        if (present === undefined || present.order < entry.order) this.#put(group, log, entry)
      }
    }
    this.#wakes.push(...(this.#watchers.get(group) ?? []))
  }

  /** `wake` is called whenever a transaction with offsets of the group ends; answers how to stop that. */
  watch(group: string, wake: () => void): () => void {
    const watchers = this.#watchers.get(group) ?? new Set()
    this.#watchers.set(group, watchers.add(wake))
    return () => {
      watchers.delete(wake)
      if (watchers.size === 0) this.#watchers.delete(group)
    }
  }

  /** As if the group had been gone for longer than its offsets are kept. */
  forget(group: string): void {
    this.#committed.delete(group)
    this.#forget.run(group)
  }

  forgetLog(log: number): void {
    for (const byLog of this.#committed.values()) byLog.delete(log)
    for (const producers of this.#pending.values()) for (const byLog of producers.values()) byLog.delete(log)
  }

  #of(group: string): ByLog {
    const byLog = this.#committed.get(group) ?? new Map<number, Entry>()
    this.#committed.set(group, byLog)
    return byLog
  }

  #put(group: string, log: number, entry: Entry): void {
    this.#of(group).set(log, entry)
    this.#save.run(group, log, entry.next)
  }
}
