import { Effect, Schedule } from "effect"
import { Kafka } from "../kafka/kafka.ts"
import type { TopicSpec } from "../kafka/kafka.ts"

/** How many dead letters each of the topics holds. */
export interface DeadLetterCounts {
  /** By topic. What a program that has just started has not read yet is missing. */
  count(topic: string): number
}

const patience = Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("1 minute")])

/**
 * Counts the records of dead-letter topics, of all processes' actors: offsets would count transaction markers too. Dead
 * letters are few; one reader over all of them, for as long as the scope lives. When it fails, it counts anew.
 */
export const count = Effect.fnUntraced(function* (topics: ReadonlyArray<TopicSpec>) {
  const kafka = yield* Kafka
  const counts = new Map<string, number>()

  const follow = Effect.gen(function* () {
    counts.clear()
    const reader = yield* kafka.reader({ maxBytes: 65_536 })
    for (const { name: topic, partitions } of topics) {
      for (let partition = 0; partition < partitions; partition++) {
        yield* reader.seek({ topic, partition }, yield* kafka.topics.beginOffset({ topic, partition }))
      }
    }
    while (true) {
      for (const { records, topic } of yield* reader.poll) {
        counts.set(topic, (counts.get(topic) ?? 0) + records.length)
      }
    }
  })

  yield* Effect.scoped(follow).pipe(
    Effect.tapError((error) => Effect.logWarning("dead letters are counted anew", error.message)),
    Effect.retry(patience),
    Effect.forkScoped
  )
  const found: DeadLetterCounts = { count: (topic) => counts.get(topic) ?? 0 }
  return found
})
