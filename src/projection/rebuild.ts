import { Effect } from "effect"
import type { AnyProjection } from "../actor/projection.ts"
import type { AnyTopic } from "../actor/topic.ts"
import { Kafka } from "../kafka/kafka.ts"
import type { Reader } from "../kafka/kafka.ts"
import { partitionId } from "../kafka/records.ts"
import { decodeBatch } from "./decode.ts"
import { ProjectionError } from "./errors.ts"
import { Held, send } from "./letters.ts"
import * as Positions from "./positions.ts"
import { livePlaces, makeShadow, rebuildId, swap } from "./shadow.ts"
import type { LivePlaces, Reading } from "./shadow.ts"
import { takeOver, topicIds } from "./takeOver.ts"
import { deadLetterTopic } from "./topics.ts"
import { write } from "./write.ts"
import type { Target } from "./write.ts"

/** How far a rebuild is, in offsets of all partitions. */
export interface Progress {
  readonly done: number
  readonly total: number
}

/** Bytes of what was refused and may have to be a dead letter, until then in memory. */
const mostHeld = 8 * 1_048_576

interface Inbox extends Reading {
  readonly topic: AnyTopic
}

const begin = Effect.fnUntraced(function* (kafka: Kafka["Service"], projection: AnyProjection, reader: Reader) {
  const inboxes = new Map<string, Inbox>()
  const ids = yield* topicIds(
    kafka,
    projection.inboxes.map(({ name }) => name)
  )
  for (const topic of projection.inboxes) {
    for (let partition = 0; partition < topic.spec.partitions; partition++) {
      const at = { topic: topic.name, partition }
      const { end, position, read, topicId } = yield* takeOver(kafka, projection, rebuildId(projection), at, ids)
      const source = { ...at, clusterId: kafka.clusterId, topicId }
      inboxes.set(partitionId(topic.name, partition), { topic, position, source, begin: read, read, end })
      yield* reader.seek(at, read)
    }
  }
  return inboxes
})

/** Reads and writes one poll's worth. */
const step = Effect.fnUntraced(function* (target: Target, reader: Reader, inboxes: ReadonlyMap<string, Inbox>) {
  const stretches = (yield* reader.poll).map((batch) => {
    const inbox = inboxes.get(partitionId(batch.topic, batch.partition))!
    return { inbox, stretch: decodeBatch(inbox.topic, batch) }
  })
  const pieces = stretches
    .filter(({ stretch }) => stretch.changes.length + stretch.refusals.length > 0)
    .map(({ inbox: { position }, stretch }) => ({ position, stretch }))
  if (pieces.length > 0) yield* write(target, pieces)
  for (const { inbox, stretch } of stretches) inbox.read = stretch.next
})

/**
 * Makes a projection's table anew from the begin of its topics, beside the live one, which goes on and is read meanwhile; the
 * two change places when the new one has all that the live one has. A crash before leaves the live table as it is.
 *
 * What is refused is no dead letter again where the live table has met it; where the rebuild is ahead, it becomes one with the swap.
 */
export const rebuild = Effect.fnUntraced(
  function* (projection: AnyProjection, show: (progress: Progress) => void) {
    const kafka = yield* Kafka
    const { definition, inboxes: topics, name } = projection
    yield* kafka.topics.ensure([...topics.map(({ spec }) => spec), deadLetterTopic(projection)])
    yield* Positions.createTables()
    yield* Positions.createOnce(name, definition.table, definition.create(definition.table))
    const table = yield* makeShadow(projection)
    const reader = yield* kafka.reader()
    const inboxes = yield* begin(kafka, projection, reader)
    const all = [...inboxes.values()]
    const held = new Held()
    const target: Target = {
      projection,
      id: rebuildId(projection),
      table,
      bury: (letters) => Effect.sync(() => held.add(letters))
    }
    const bury = send(projection, yield* kafka.producer)
    const release = (live: LivePlaces) =>
      Effect.suspend(() => {
        const letters = held.release(live)
        return letters.length === 0 ? Effect.void : bury(letters)
      })
    const tell = () => {
      let [done, total] = [0, 0]
      for (const { begin, end, read } of all) {
        done += read - begin
        total += Math.max(end, read) - begin
      }
      show({ done, total })
    }
    while (true) {
      tell()
      while (all.some(({ end, read }) => read < end)) {
        yield* step(target, reader, inboxes)
        // Early: should the live table get there before the swap, it writes them again, under the same ids.
        if (held.bytes > mostHeld) yield* release(yield* livePlaces(kafka, projection, all))
        tell()
      }
      for (const each of all) each.end = yield* kafka.topics.endOffset(each.source)
      const isSwapped = yield* swap(kafka, projection, table, all, release).pipe(
        Effect.as(true),
        Effect.catchTag("Behind", () => Effect.succeed(false))
      )
      if (isSwapped) return tell()
    }
  },
  Effect.scoped,
  (effect, { name }) =>
    Effect.catchTag(effect, "ProjectionFenced", () =>
      Effect.fail(
        new ProjectionError({ reason: "RebuildOvertaken", projection: name, message: "another rebuild has begun" })
      )
    )
)
