import { DateTime, Effect } from "effect"
import type { DeadLetter } from "../actor/actor.ts"
import type { StatusEvent } from "../actor/status.ts"
import { statusLatestKey, statusLatestTopic, statusTopic } from "../actor/status.ts"
import type { AnyTopic } from "../actor/topic.ts"
import type { Turn, When } from "../actor/turn.ts"
import * as Utf8 from "../actor/utf8.ts"
import { partitionFor } from "../kafka/partitioner.ts"
import type { Header, ProducerRecord } from "../kafka/records.ts"
import { setTimer } from "../store/recurrence.ts"
import type { Timer } from "../store/entry.ts"
import { RecordTooLarge } from "./errors.ts"

/** Kafka's default for max.message.bytes. */
const defaultLimit = 1_048_576
/** What a batch of one record adds to its key, value and headers, rounded up. */
const overhead = 128

/** What a turn wants of its key's timers: set (as asked, and as stored), or cancelled. */
export type TimerChange = { readonly when: When; readonly timer: Timer } | null

/** A record, and the topic as it was declared. */
export interface Emitted extends ProducerRecord {
  readonly declared: AnyTopic
}

export interface Reported {
  readonly channel: string
  readonly event: StatusEvent
  /** The event's JSON. */
  readonly value: Uint8Array
}

/** What every attempt knows about itself. */
export interface Circumstances {
  readonly key: unknown
  readonly attempt: number
  readonly idempotencyKey: string
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly source: DeadLetter["source"]
  /** Carried over to what is emitted: the trace context. */
  readonly headers: ReadonlyArray<Header>
}

const nothingEmitted: Array<Emitted> = []
const nothingReported: Array<Reported> = []

/** A `Turn` that collects what the handler wants done. */
export class CollectingTurn implements Turn<unknown, string> {
  emitted: ReadonlyArray<Emitted> = nothingEmitted
  reported: ReadonlyArray<Reported> = nothingReported
  timers: Map<string, TimerChange> | undefined
  readonly about: Circumstances

  constructor(about: Circumstances) {
    this.about = about
  }
  get key() {
    return this.about.key
  }
  get attempt() {
    return this.about.attempt
  }
  get idempotencyKey() {
    return this.about.idempotencyKey
  }
  get time() {
    return DateTime.makeUnsafe(this.about.now)
  }

  emit(topic: AnyTopic, key: unknown, value: unknown): Effect.Effect<void> {
    return Effect.suspend(() => {
      const record = recordFor(topic, key, value, this.about)
      const limit = topic.spec.maxMessageBytes ?? defaultLimit
      const bytes = sizeOf(record)
      if (bytes > limit) return Effect.die(new RecordTooLarge({ topic: topic.name, bytes, limit }))
      if (this.emitted.length === 0) this.emitted = [record]
      else (this.emitted as Array<Emitted>).push(record)
      return Effect.void
    })
  }

  report(channel: string | undefined, event: StatusEvent): Effect.Effect<void> {
    return channel === undefined
      ? Effect.void
      : Effect.suspend(() => {
          const each = { channel, event, value: Utf8.encode(JSON.stringify(event)) }
          const bytes = sizeOf({ key: Utf8.encode(channel), value: each.value, headers: this.about.headers })
          if (bytes > defaultLimit) {
            return Effect.die(new RecordTooLarge({ topic: statusTopic.name, bytes, limit: defaultLimit }))
          }
          if (this.reported.length === 0) this.reported = [each]
          else (this.reported as Array<Reported>).push(each)
          return Effect.void
        })
  }

  set(name: string, when: When): Effect.Effect<void> {
    return Effect.sync(() => {
      const { now, source } = this.about
      const last = "timer" in source && source.timer === name ? DateTime.toEpochMillis(source.due) : undefined
      this.timers ??= new Map()
      this.timers.set(name, { when, timer: setTimer(when, now, last) })
    })
  }

  cancel(name: string): Effect.Effect<void> {
    return Effect.sync(() => {
      this.timers ??= new Map()
      this.timers.set(name, null)
    })
  }
}

const sizeOf = (record: Pick<ProducerRecord, "key" | "value" | "headers">): number => {
  const bytes = overhead + (record.key?.length ?? 0) + (record.value?.length ?? 0)
  return record.headers.reduce((sum, [name, value]) => sum + name.length + value.length + 4, bytes)
}

const recordFor = (
  declared: AnyTopic,
  key: unknown,
  value: unknown,
  about: Pick<Circumstances, "now" | "headers">
): Emitted => {
  const { codec, name, spec } = declared
  const bytes = codec.encodeKey(key)
  return {
    declared,
    topic: name,
    partition: partitionFor(bytes, spec.partitions),
    key: bytes,
    value: codec.encodeValue(value),
    headers: codec.headersOf === undefined ? about.headers : [...about.headers, ...codec.headersOf(value)],
    timestamp: about.now
  }
}

/** The two records of a status: in the stream of its channel, and as the newest of its kind and id. */
export const statusRecords = (
  { channel, event, value }: Reported,
  id: string,
  about: Pick<Circumstances, "now" | "headers">
): ReadonlyArray<ProducerRecord> => {
  const key = Utf8.encode(channel)
  const common = {
    partition: partitionFor(key, statusTopic.partitions),
    value,
    headers: about.headers,
    timestamp: about.now
  }
  const latest = Utf8.encode(statusLatestKey(channel, event.kind, id))
  return [
    { ...common, topic: statusTopic.name, key },
    { ...common, topic: statusLatestTopic.name, key: latest }
  ]
}
