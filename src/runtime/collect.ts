import { DateTime, Effect } from "effect"
import type { StatusEvent } from "../actor/status.ts"
import { statusLatestKey, statusLatestTopic, statusTopic } from "../actor/status.ts"
import type { AnyTopic } from "../actor/topic.ts"
import type { Turn, When } from "../actor/turn.ts"
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

export interface Emitted {
  readonly topic: AnyTopic
  readonly record: ProducerRecord
}

export interface Reported {
  readonly channel: string
  readonly event: StatusEvent
}

/** What every attempt knows about itself. */
export interface Circumstances {
  readonly key: unknown
  readonly attempt: number
  readonly idempotencyKey: string
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Carried over to what is emitted: the trace context. */
  readonly headers: ReadonlyArray<Header>
}

/** A `Turn` that collects what the handler wants done. */
export class CollectingTurn implements Turn<unknown, string> {
  readonly emitted: Array<Emitted> = []
  readonly reported: Array<Reported> = []
  timers: Map<string, TimerChange> | undefined
  private readonly about: Circumstances

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
      this.emitted.push({ topic, record })
      return Effect.void
    })
  }

  report(channel: string | undefined, event: StatusEvent): Effect.Effect<void> {
    return channel === undefined
      ? Effect.void
      : Effect.sync(() => {
          this.reported.push({ channel, event })
        })
  }

  set(name: string, when: When): Effect.Effect<void> {
    return Effect.sync(() => {
      this.timers ??= new Map()
      this.timers.set(name, { when, timer: setTimer(when, this.about.now) })
    })
  }

  cancel(name: string): Effect.Effect<void> {
    return Effect.sync(() => {
      this.timers ??= new Map()
      this.timers.set(name, null)
    })
  }
}

const sizeOf = (record: ProducerRecord): number => {
  let bytes = overhead + (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (const [name, value] of record.headers) bytes += name.length + value.length + 4
  return bytes
}

const recordFor = (
  { codec, name, spec }: AnyTopic,
  key: unknown,
  value: unknown,
  about: Pick<Circumstances, "now" | "headers">
): ProducerRecord => {
  const bytes = codec.encodeKey(key)
  return {
    topic: name,
    partition: partitionFor(bytes, spec.partitions),
    key: bytes,
    value: codec.encodeValue(value),
    headers: codec.headersOf === undefined ? about.headers : [...about.headers, ...codec.headersOf(value)],
    timestamp: about.now
  }
}

const utf8 = new TextEncoder()

/** The two records of a status: in the stream of its channel, and as the newest of its kind and id. */
export const statusRecords = (
  { channel, event }: Reported,
  id: string,
  about: Pick<Circumstances, "now" | "headers">
): ReadonlyArray<ProducerRecord> => {
  const key = utf8.encode(channel)
  const common = {
    partition: partitionFor(key, statusTopic.partitions),
    value: utf8.encode(JSON.stringify(event)),
    headers: about.headers,
    timestamp: about.now
  }
  const latest = utf8.encode(statusLatestKey(channel, event.kind, id))
  return [
    { ...common, topic: statusTopic.name, key },
    { ...common, topic: statusLatestTopic.name, key: latest }
  ]
}
