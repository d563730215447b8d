import { Effect, Option, Result, Semaphore } from "effect"
import type { Duration, Scope, Stream } from "effect"
import { printable, shownKey } from "../../actor/printable.ts"
import type { KafkaError } from "../../kafka/errors.ts"
import { Kafka } from "../../kafka/kafka.ts"
import { Contents } from "./contents.ts"
import type { KvChange, KvEntry, Undecodable } from "./contents.ts"
import type { KvConflict, KvUnknown } from "./errors.ts"
import { replicate, tail } from "./follow.ts"
import * as Metrics from "./metrics.ts"
import { Pending } from "./pending.ts"
import { Replica } from "./replica.ts"
import type { KvFilter } from "./replica.ts"
import type { KvTopics } from "./topics.ts"
import { write } from "./write.ts"
import type { KvWrite, Surroundings, Wanted } from "./write.ts"

/**
 * A compacted topic in the memory of this process. Reading asks nobody; writing goes through the store's single writer, which
 * may run anywhere. A read may lag behind other processes' writes, but never goes back, and always shows one's own.
 */
export interface KvStore<V> {
  get(key: string): Option.Option<V>
  entry(key: string): Option.Option<KvEntry<V>>
  /** All entries, or those of a filter, as they are while they are taken. */
  entries(filter?: KvFilter): Iterable<readonly [key: string, entry: KvEntry<V>]>
  /**
   * Answers the new version once this process has applied the write. A value that breaks the schema is a defect; one of about
   * 1 MiB or more fails with `RecordTooLarge`.
   */
  put(key: string, value: V, options?: KvWrite): Effect.Effect<number, KvConflict | KvUnknown | KafkaError>
  /** Of a key that has no value, it changes nothing. */
  delete(
    key: string,
    options?: KvWrite & { readonly ifVersion?: number }
  ): Effect.Effect<void, KvConflict | KvUnknown | KafkaError>
  /**
   * First what is there, then every change in order, until the store closes. A subscriber more than 1,024 changes behind gets the newest
   * of each key instead.
   */
  changes(filter?: KvFilter): Stream.Stream<KvChange<V>>
  /** Keys whose record is no value of the schema: they are out of the map, and logged once. */
  undecodable(): ReadonlyMap<string, Undecodable>
}

/** Writes of this process on their way; more wait their turn. */
const mostPending = 4_096
/** Undecodable keys named in one line of the log. */
const mostNamed = 10

/** Opens the store: its topics exist, and it holds everything up to the high watermark of now. */
export const make = Effect.fnUntraced(function* <V>(
  name: string,
  topics: KvTopics<V>,
  timeout: Duration.Input
): Effect.fn.Return<KvStore<V>, KafkaError, Kafka | Scope.Scope> {
  const kafka = yield* Kafka
  const show = Metrics.make(name)
  const pending = new Pending()
  const replica = new Replica<V>(new Contents(topics.values), (change) => pending.applied(change))
  yield* kafka.topics.ensure([topics.values.spec, topics.commands.spec, topics.results.spec])
  const producer = yield* kafka.producer
  const room = yield* Semaphore.make(mostPending)
  yield* Effect.addFinalizer(() => Effect.sync(() => replica.end()))

  /** `known`: undecodable keys that were told of already. They are the first ones. */
  const told = (known: number) => {
    const { entries, undecodable } = replica.contents
    const sizes = show(entries.size, undecodable.size)
    return undecodable.size <= known ? sizes : Effect.andThen(warn(name, [...undecodable].slice(known)), sizes)
  }

  yield* tail(kafka, topics.results.spec, ({ records }) => {
    for (const { value } of records) {
      const answer = topics.results.codec.decodeValue(value)
      if (Result.isSuccess(answer)) pending.answered(answer.success)
    }
    pending.release()
  })
  yield* replicate<Contents<V>>(kafka, topics.values.spec, {
    empty: () => new Contents(topics.values),
    load: (contents, { records }) => contents.load(records),
    loaded: (contents) => {
      replica.replace(contents)
      pending.release()
      return told(0)
    },
    follow: ({ records }) => {
      const known = replica.contents.undecodable.size
      replica.apply(records)
      pending.release()
      return told(known)
    }
  })
  yield* Effect.logDebug(`${name}: ${replica.contents.entries.size} entries`)

  const surroundings: Surroundings<V> = {
    producer,
    commands: topics.commands,
    pending,
    seen: (key) => ({ version: replica.contents.versionOf(key), absent: !replica.contents.entries.has(key) }),
    timeout
  }
  const send = (key: string, wanted: Wanted<V>, options?: KvWrite) =>
    room.withPermit(write(surroundings, key, wanted, options))
  return {
    get: (key) => {
      const entry = replica.contents.entries.get(key)
      return entry === undefined ? Option.none() : Option.some(entry.value)
    },
    entry: (key) => Option.fromUndefinedOr(replica.contents.entries.get(key)),
    entries: (filter) => replica.entries(filter),
    put: (key, value, options) => send(key, { value }, options),
    delete: (key, options) => Effect.asVoid(send(key, {}, options)),
    changes: (filter) => replica.changes(filter),
    undecodable: () => replica.contents.undecodable
  }
})

const warn = (name: string, bad: ReadonlyArray<readonly [key: string, Undecodable]>) => {
  const named = bad.slice(0, mostNamed).map(([key, { cause }]) => `${shownKey(key)} (${printable(cause)})`)
  const more = bad.length > named.length ? [`and ${bad.length - named.length} more`] : []
  return Effect.logWarning(`${name}: no value of the store's schema, left out: ${[...named, ...more].join("; ")}`)
}
