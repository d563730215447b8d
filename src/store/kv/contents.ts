import { Option, Result } from "effect"
import type { KafkaRecord } from "../../kafka/records.ts"
import { hasValue } from "./topics.ts"
import type { KvTopics } from "./topics.ts"

/** What a key holds. */
export interface KvEntry<V> {
  readonly value: V
  /** Counts the writes of this key, also over deletes. */
  readonly version: number
}

/** A key as it is now. No entry: deleted (or what was written cannot be decoded); `version` is the write that made it so. */
export interface KvChange<V> {
  readonly key: string
  readonly version: number
  readonly entry: Option.Option<KvEntry<V>>
}

/** A record that is not a value of this program's schema. */
export interface Undecodable {
  /** 0 where not even that can be read. */
  readonly version: number
  readonly cause: string
}

const lossy = new TextDecoder()

/**
 * The store's records folded into a map of decoded values, the last one of a key winning as in compaction. A value that cannot
 * be decoded takes its key out of the map: neither an older value nor a guess stands in for it.
 */
export class Contents<V> {
  readonly entries = new Map<string, KvEntry<V>>()
  readonly undecodable = new Map<string, Undecodable>()
  private readonly codec: KvTopics<V>["values"]["codec"]

  constructor({ codec }: KvTopics<V>["values"]) {
    this.codec = codec
  }

  /** Takes the next record over. Undefined where not even its key can be read. */
  apply(record: KafkaRecord): KvChange<V> | undefined {
    const key = this.keyOf(record)
    if (key === undefined) return undefined
    const version = this.take(key, record)
    return { key, version, entry: Option.fromUndefinedOr(this.entries.get(key)) }
  }

  /** The same for records by the hundred thousand, where nobody wants to know what has changed. */
  load(records: ReadonlyArray<KafkaRecord>): void {
    for (const record of records) {
      const key = this.keyOf(record)
      if (key !== undefined) this.take(key, record)
    }
  }

  private keyOf(record: KafkaRecord): string | undefined {
    const key = this.codec.decodeKey(record.key)
    if (Result.isSuccess(key)) return key.success
    this.undecodable.set(lossy.decode(record.key ?? undefined), { version: 0, cause: key.failure.message })
    return undefined
  }

  /** Answers the record's version, 0 where it has none. */
  private take(key: string, { headers, value }: KafkaRecord): number {
    const decoded = this.codec.decodeValue(value, headers)
    if (Result.isSuccess(decoded)) {
      const stored = decoded.success
      if (this.undecodable.size > 0) this.undecodable.delete(key)
      if (hasValue(stored)) this.entries.set(key, stored)
      else this.entries.delete(key)
      return stored.version
    }
    const version = this.codec.decodeValue(null, headers)
    const known = Result.isSuccess(version) ? version.success.version : 0
    this.entries.delete(key)
    this.undecodable.set(key, { version: known, cause: decoded.failure.message })
    return known
  }

  /** Of the last write of a key that is not deleted; 0 where there is none. */
  versionOf(key: string): number {
    return (this.entries.get(key) ?? this.undecodable.get(key))?.version ?? 0
  }
}
