import { Effect, Option } from "effect"
import type { KafkaError } from "../kafka/errors.ts"
import type { Kafka } from "../kafka/kafka.ts"
import type { Batch } from "../kafka/records.ts"
import { wantedLetters } from "./control.ts"
import type { Letters } from "./control.ts"
import { readLetter } from "./deadLetter.ts"
import type { Letter } from "./deadLetter.ts"

/** Polling waits for them, and one beyond the end of its topic takes seconds. */
const reads = { concurrency: 16, discard: true } as const

/** Reads the dead letters that a batch's commands want replayed; one that is no longer there is left out. */
export const lookUp = Effect.fnUntraced(function* (
  kafka: Kafka["Service"],
  actor: string,
  topic: string,
  batch: Batch
): Effect.fn.Return<Letters, KafkaError> {
  const letters = new Map<number, Letter>()
  const read = Effect.fnUntraced(function* (offset: number) {
    const record = yield* kafka.read({ topic, partition: batch.partition, offset })
    const letter = Option.isNone(record) ? undefined : readLetter(record.value)
    if (letter !== undefined) letters.set(offset, letter)
  })
  const wanted = wantedLetters(actor, batch)
  if (wanted.length > 0) yield* Effect.forEach(new Set(wanted), read, reads)
  return letters
})
