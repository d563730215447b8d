import { DateTime } from "effect"
import type { DeadLetter } from "../actor/actor.ts"
import type { TopicSpec } from "../kafka/kafka.ts"
import type { Header, ProducerRecord } from "../kafka/records.ts"

const utf8 = new TextEncoder()
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
}

export const deadLetterRecord = (dead: DeadRecord): ProducerRecord => {
  const { letter } = dead
  const header = (name: string, value: string): Header => [name, utf8.encode(value)]
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
      header("sixfold-error", letter.cause),
      ...source,
      header("sixfold-attempts", String(letter.attempts)),
      header("sixfold-failed-at", DateTime.formatIso(DateTime.makeUnsafe(dead.failedAt))),
      header("sixfold-idempotency-key", letter.id)
    ]
  }
}
