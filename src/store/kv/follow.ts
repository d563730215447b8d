import { Cause, Clock, Deferred, Effect, Option, Schedule } from "effect"
import type { Scope } from "effect"
import type { KafkaError } from "../../kafka/errors.ts"
import type { Kafka, Reader, TopicSpec } from "../../kafka/kafka.ts"
import type { Batch, TopicPartition } from "../../kafka/records.ts"

type Broker = Kafka["Service"]

/** A load that stands still for so long says so, in milliseconds; it goes on waiting. */
const noProgress = 30_000

const backoff = Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("10 seconds")])

const partitionsOf = ({ name, partitions }: TopicSpec): ReadonlyArray<TopicPartition> =>
  Array.from({ length: partitions }, (_, partition) => ({ topic: name, partition }))

/** How a topic becomes contents in memory. */
export interface Loading<C> {
  /** Nothing, to be filled. */
  readonly empty: () => C
  readonly load: (contents: C, batch: Batch) => void
  /** All that was in the log is loaded: what comes now goes to `follow`. */
  readonly loaded: (contents: C) => Effect.Effect<void>
  readonly follow: (batch: Batch) => Effect.Effect<void>
}

/**
 * Keeps a compacted topic in memory for as long as the scope lives, and waits until the high watermark of this moment is
 * reached. Whatever goes wrong with reading later, the topic is read from its beginning again while the old contents stay.
 */
export const replicate = <C>(kafka: Broker, topic: TopicSpec, loading: Loading<C>) =>
  keepReading(topic, (ready) =>
    Effect.gen(function* () {
      const reader = yield* kafka.reader()
      const contents = loading.empty()
      yield* catchUp(kafka, reader, topic, (batch) => loading.load(contents, batch))
      yield* loading.loaded(contents)
      yield* ready
      const poll = Effect.flatMap(reader.poll, Effect.forEach(loading.follow, { discard: true }))
      return yield* Effect.forever(poll)
    })
  )

/** Follows a topic from its end as it is now. Where retention overtakes it, it goes on with what is left. */
export const tail = (kafka: Broker, topic: TopicSpec, follow: (batch: Batch) => void) => {
  const next = new Map<number, number>()
  return keepReading(topic, (ready) =>
    Effect.gen(function* () {
      const reader = yield* kafka.reader()
      for (const at of partitionsOf(topic)) {
        const end = yield* kafka.topics.endOffset(at)
        const begin = yield* kafka.topics.beginOffset(at)
        const from = Math.max(begin, Math.min(next.get(at.partition) ?? end, end))
        next.set(at.partition, from)
        yield* reader.seek(at, from)
      }
      yield* ready
      const poll = Effect.map(reader.poll, (batches) => {
        for (const batch of batches) {
          next.set(batch.partition, batch.nextOffset)
          follow(batch)
        }
      })
      return yield* Effect.forever(poll)
    })
  )
}

/** Reads from the beginning to the high watermark as it is now, or further. */
const catchUp = Effect.fnUntraced(function* (
  kafka: Broker,
  reader: Reader,
  topic: TopicSpec,
  take: (batch: Batch) => void
) {
  const missing = new Map<number, number>()
  for (const at of partitionsOf(topic)) {
    const end = yield* kafka.topics.endOffset(at)
    const begin = yield* kafka.topics.beginOffset(at)
    yield* reader.seek(at, begin)
    if (begin < end) missing.set(at.partition, end)
  }
  const start = yield* Clock.currentTimeMillis
  let progress = start
  while (missing.size > 0) {
    const polled = yield* Effect.timeoutOption(reader.poll, noProgress)
    const now = yield* Clock.currentTimeMillis
    for (const batch of Option.getOrElse(polled, () => [])) {
      take(batch)
      const end = missing.get(batch.partition)
      if (end === undefined) continue
      progress = now
      if (batch.nextOffset >= end) missing.delete(batch.partition)
    }
    if (now - progress < noProgress) continue
    progress = now
    const behind = [...missing].map(([partition, end]) => `partition ${partition} to ${end}`).join(", ")
    const since = `${Math.round((now - start) / 1_000)} s`
    yield* Effect.logWarning(
      `${topic.name} is not read to its end for ${since} (${behind}): is a transaction open there?`
    )
  }
})

/**
 * Reads in the background and waits until that is `ready`. A failure or a defect of reading is logged, and it begins anew, with
 * capped back-off; only a failure before the first `ready` is the caller's, unless it is that the broker is away.
 */
const keepReading = Effect.fnUntraced(function* (
  topic: TopicSpec,
  read: (ready: Effect.Effect<unknown>) => Effect.Effect<never, KafkaError, Scope.Scope>
): Effect.fn.Return<void, KafkaError, Scope.Scope> {
  const ready = yield* Deferred.make<void, KafkaError>()
  const round = Effect.scoped(read(Deferred.succeed(ready, undefined))).pipe(
    Effect.tapError((error) => (error.reason === "Unavailable" ? Effect.void : Deferred.fail(ready, error))),
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.interrupt
        : Effect.andThen(Effect.logWarning(`${topic.name} could not be read on`, cause), Effect.fail("again" as const))
    )
  )
  yield* Effect.forkScoped(Effect.retry(round, backoff))
  yield* Deferred.await(ready)
})
