import { DateTime } from "effect"
import type { DeadLetter } from "../actor/actor.ts"
import * as Utf8 from "../actor/utf8.ts"
import type { TopicSpec } from "../kafka/kafka.ts"
import type { Header, KafkaRecord, ProducerRecord } from "../kafka/records.ts"
import type { Origin } from "../store/entry.ts"

const text = new TextDecoder()
const day = 86_400_000
const margin = 65_536
const defaultLimit = 1_048_588

/** An actor's changelog and dead letters: as many partitions as its inbox, and room for its largest record. */
export const ownTopics = (
  actor: string,
  inbox: TopicSpec
): { readonly changelog: TopicSpec; readonly deadLetters: TopicSpec } => {
  const shape = { partitions: inbox.partitions, maxMessageBytes: (inbox.maxMessageBytes ?? defaultLimit) + margin }
  return {
    changelog: { ...shape, name: `${actor}.state`, cleanup: "compact" },
    deadLetters: { ...shape, name: `${actor}.dead-letters`, cleanup: "delete", retention: 30 * day }
  }
}

/** What a dead letter is made of: the original bytes, untouched. */
export interface DeadRecord {
  readonly topic: string
  readonly partition: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: ReadonlyArray<Header>
  readonly letter: DeadLetter
  /** Milliseconds since the epoch. */
  readonly failedAt: number
  /** How often it has been replayed before. Default 0. */
  readonly replays?: number
}

/** The first of the headers that a dead letter adds to its message's own. */
const firstHeader = "sixfold-error"
const replaysHeader = "sixfold-replays"
/** On a record without a value: this dead letter of the same partition (by offset) is done with. */
const doneHeader = "sixfold-done"

export const deadLetterRecord = (dead: DeadRecord): ProducerRecord => {
  const { letter } = dead
  const header = (name: string, value: string): Header => [name, Utf8.encode(value)]
  const source =
    "timer" in letter.source
      ? [
          header("sixfold-source-timer", letter.source.timer),
          header("sixfold-due", DateTime.formatIso(letter.source.due))
        ]
      : [
          header("sixfold-source-topic", letter.source.topic),
          header("sixfold-source-partition", String(letter.source.partition)),
          header("sixfold-source-offset", String(letter.source.offset))
        ]
  return {
    topic: dead.topic,
    partition: dead.partition,
    key: dead.key,
    value: dead.value,
    timestamp: dead.failedAt,
    headers: [
      ...dead.headers,
      header(firstHeader, letter.cause),
      ...source,
      header("sixfold-attempts", String(letter.attempts)),
      header("sixfold-failed-at", DateTime.formatIso(DateTime.makeUnsafe(dead.failedAt))),
      header("sixfold-idempotency-key", letter.id),
      ...(dead.replays === undefined || dead.replays === 0 ? [] : [header(replaysHeader, String(dead.replays))])
    ]
  }
}

/** Tells whoever reads the dead letters that this one has been replayed or discarded. */
export const doneRecord = (
  at: Pick<ProducerRecord, "topic" | "partition" | "key">,
  offset: number,
  op: "replay" | "discard",
  now: number
): ProducerRecord => ({
  ...at,
  value: null,
  timestamp: now,
  headers: [
    [doneHeader, Utf8.encode(String(offset))],
    ["sixfold-op", Utf8.encode(op)]
  ]
})

/** The offset of the dead letter that is done with, where the record says so. */
export const doneWith = ({ headers, value }: Pick<KafkaRecord, "headers" | "value">): number | undefined => {
  const [first] = headers
  return value === null && first?.[0] === doneHeader ? Number(text.decode(first[1])) : undefined
}

/** A dead letter read back. `headers` and `value` are the message's own. */
export interface Letter {
  /** Milliseconds since the epoch, of the dead letter. */
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: ReadonlyArray<Header>
  readonly error: string
  readonly attempts: number
  /** ISO 8601. */
  readonly failedAt: string
  readonly origin: Origin
}

/** Reads a record of the dead letters; none where it is not one of ours. */
export const readLetter = (record: KafkaRecord): Letter | undefined => {
  const { headers, key, timestamp, value } = record
  const first = headers.findLastIndex(([name]) => name === firstHeader)
  if (first < 0) return undefined
  const own = new Map(headers.slice(first).map(([name, value]) => [name, text.decode(value)]))
  const id = own.get("sixfold-idempotency-key")
  const [timer, topic] = [own.get("sixfold-source-timer"), own.get("sixfold-source-topic")]
  if (id === undefined || (timer === undefined && topic === undefined)) return undefined
  const source: Origin["source"] =
    timer === undefined
      ? {
          topic: topic!,
          partition: Number(own.get("sixfold-source-partition")),
          offset: Number(own.get("sixfold-source-offset"))
        }
      : { timer, due: Date.parse(own.get("sixfold-due") ?? "") }
  const replays = Number(own.get(replaysHeader) ?? 0)
  const attempts = Number(own.get("sixfold-attempts"))
  const numbers = [replays, attempts, ...("timer" in source ? [source.due] : [source.partition, source.offset])]
  // Whoever may write to the topic may write what is none.
  if (!numbers.every(Number.isSafeInteger)) return undefined
  return {
    timestamp,
    key,
    value,
    headers: headers.slice(0, first),
    error: own.get(firstHeader)!,
    attempts,
    failedAt: own.get("sixfold-failed-at") ?? "",
    origin: { id, source, replays }
  }
}
