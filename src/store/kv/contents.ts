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
  readonly entries = new Map<string, Option.Option<KvEntry<V>>>()
  readonly undecodable = new Map<string, Undecodable>()
  private readonly codec: KvTopics<V>["values"]["codec"]

  constructor({ codec }: KvTopics<V>["values"]) {
    this.codec = codec
  }

  /** Takes the next record over. Undefined where not even its key can be read. */
  apply(record: KafkaRecord): KvChange<V> | undefined {
    const decodedKey = this.codec.decodeKey(record.key)
    if (Result.isFailure(decodedKey)) {
      this.undecodable.set(lossy.decode(record.key ?? undefined), { version: 0, cause: decodedKey.failure.message })
      return undefined
    }
    const key = decodedKey.success
    const decoded = this.codec.decodeValue(record.value, record.headers)
    if (Result.isFailure(decoded)) {
      const version = this.codec.decodeValue(null, record.headers)
      const known = Result.isSuccess(version) ? version.success.version : 0
      this.entries.delete(key)
      this.undecodable.set(key, { version: known, cause: decoded.failure.message })
      return { key, version: known, entry: Option.none() }
    }
    if (this.undecodable.size > 0) this.undecodable.delete(key)
    const stored = decoded.success
    const entry = hasValue(stored) ? Option.some(stored) : Option.none()
    if (Option.isSome(entry)) this.entries.set(key, entry)
    else this.entries.delete(key)
    return { key, version: stored.version, entry }
  }

  /** Of the last write of a key that is not deleted; 0 where there is none. */
  versionOf(key: string): number {
    const entry = this.entries.get(key)
    if (entry !== undefined) return Option.getOrThrow(entry).version
    return this.undecodable.get(key)?.version ?? 0
  }
}
