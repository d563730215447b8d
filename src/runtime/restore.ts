import { Clock, Effect, Option } from "effect"
import type { Scope } from "effect"
import * as Utf8 from "../actor/utf8.ts"
import type { KafkaError } from "../kafka/errors.ts"
import type { Kafka, Member, Producer } from "../kafka/kafka.ts"
import { noHeaders } from "../kafka/records.ts"
import type { KafkaRecord, TopicPartition } from "../kafka/records.ts"
import * as Entry from "../store/entry.ts"
import { bytesOf, Message } from "./cell.ts"
import type { Cell } from "./cell.ts"
import { ReplicaError } from "./errors.ts"
import type { Partition } from "./partition.ts"

/** How long the changelog may stand still, in milliseconds, before the restore fails loudly. */
const noProgress = 60_000

/** How long the group may say something else than the changelog, in milliseconds, before somebody has reset it. */
const differing = 15_000

/** What a restore needs to know of where it is. */
export interface Ownership {
  readonly actor: string
  readonly changelog: string
  /** The inbox topic's id as it is now. */
  readonly topicId: string
  /** Shared by the partitions that are taken over at the same time. */
  readonly producer: Effect.Effect<Producer, KafkaError, Scope.Scope>
}

/**
 * Makes a partition ready, in the one order that loses nothing: the stable committed offset first (it waits for an open
 * transaction of the old owner), then a barrier into the changelog, then everything up to it. Answers the inbox offset to go on from.
 *
 * A broker that was cut off answers for a moment as if it still led, from what it knew before: what is read of it may be old. It cannot
 * write: the barrier's offset is the truth, whoever is asked for what is before it, and the group's offset is asked for until it agrees.
 */
export const restore = Effect.fnUntraced(function* (
  kafka: Kafka["Service"],
  member: Member,
  partition: Partition,
  at: Ownership
): Effect.fn.Return<number, KafkaError | ReplicaError> {
  const inbox = { topic: partition.topic, partition: partition.partition }
  let [committed] = yield* member.committed([inbox])
  yield* readChangelog(kafka, partition, at)
  const { position } = partition
  const recorded = position.settle === 0 ? undefined : position
  const fail = (reason: ReplicaError["reason"], message: string) =>
    new ReplicaError({ reason, actor: at.actor, message: `${inbox.topic}/${inbox.partition}: ${message}` })

  if (recorded !== undefined && recorded.topicId !== at.topicId) {
    return yield* fail("TopicRecreated", `the state is of topic ${recorded.topicId}, the inbox is now ${at.topicId}`)
  }
  const begin = yield* kafka.topics.beginOffset(inbox)
  const next = recorded?.next ?? committed?.offset
  if (next === undefined) return begin
  if (recorded === undefined) {
    // Somebody has reset the group, or deleted the changelog: both are allowed.
    yield* Effect.logWarning(
      `${inbox.topic}/${inbox.partition}: ${at.actor} begins at the group's offset ${next}, without any state: its changelog is empty`
    )
  }
  if (next < begin) {
    const lost = `offsets ${next} to ${begin - 1} were deleted before they were handled`
    if (committed?.offset !== begin) return yield* fail("InboxOverrun", `${lost}: accept it by committing ${begin}`)
    yield* Effect.logWarning(`${inbox.topic}/${inbox.partition}: ${lost}, and an operator has accepted it`)
    return begin
  }
  const since = yield* Clock.currentTimeMillis
  while (committed !== undefined && committed.offset !== next) {
    if ((yield* Clock.currentTimeMillis) - since >= differing)
      return yield* fail(
        "PositionMismatch",
        `the group committed offset ${committed.offset}, the changelog says ${next}`
      )
    yield* Effect.sleep("250 millis")
    ;[committed] = yield* member.committed([inbox])
  }
  return next
})

/** The end of a changelog as of now: where a record of our own went. */
const barrier = Effect.fnUntraced(function* (producer: Producer, changelog: TopicPartition) {
  const timestamp = Math.floor(yield* Clock.currentTimeMillis)
  const [offset] = yield* producer.send([
    { ...changelog, key: Entry.barrierKey, value: null, headers: noHeaders, timestamp }
  ])
  return offset!
})

const readChangelog = (
  kafka: Kafka["Service"],
  partition: Partition,
  at: Ownership
): Effect.Effect<void, KafkaError | ReplicaError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const changelog: TopicPartition = { topic: at.changelog, partition: partition.partition }
      const end = yield* barrier(yield* at.producer, changelog)
      let next = yield* kafka.topics.beginOffset(changelog)
      partition.restored = { done: next, end }
      if (next >= end) return
      const reader = yield* kafka.reader()
      yield* reader.seek(changelog, next)
      let progress = yield* Clock.currentTimeMillis
      while (next < end) {
        const polled = yield* Effect.timeoutOption(reader.poll, noProgress)
        const now = yield* Clock.currentTimeMillis
        for (const batch of Option.getOrElse(polled, () => [])) {
          for (const record of batch.records) if (record.offset < end) restoreRecord(partition, record)
          yield* withinMemory(partition)
          if (batch.nextOffset > next) partition.progressAt = progress = now
          next = batch.nextOffset
          partition.restored.done = Math.min(next, end)
        }
        if (next < end && now - progress >= noProgress) return yield* stalled(kafka, changelog, at, next, end)
      }
    })
  )

/** An actor that outgrows its memory fails, by name, before the process does without a word. */
export const withinMemory = (partition: Partition): Effect.Effect<void, ReplicaError> => {
  const { memory, name } = partition.around.definition
  const share = (memory ?? Infinity) / partition.around.definition.inbox.spec.partitions
  if (partition.stateBytes <= share) return Effect.void
  const message = `${partition.topic}/${partition.partition} holds ${partition.stateBytes} bytes of state; its share of the actor's limit is ${Math.floor(share)}`
  return Effect.fail(new ReplicaError({ reason: "MemoryExceeded", actor: name, message }))
}

const stalled = Effect.fnUntraced(function* (
  kafka: Kafka["Service"],
  changelog: TopicPartition,
  at: Ownership,
  next: number,
  end: number
): Effect.fn.Return<never, KafkaError | ReplicaError> {
  const now = yield* kafka.topics.endOffset(changelog)
  const why = now < end ? `the log shrank to ${now}` : "a transaction that is not ours is open there"
  return yield* new ReplicaError({
    reason: "RestoreStalled",
    actor: at.actor,
    message: `${changelog.topic}/${changelog.partition}: no progress at ${next} of ${end}: ${why}`
  })
})

/** Takes over one record of the changelog, in log order. Throws on what this version did not write. */
export const restoreRecord = (partition: Partition, { key, value }: KafkaRecord): void => {
  const entry = Entry.decodeEntryKey(key!)
  if (entry.kind === Entry.kinds.position) {
    if (value !== null) partition.position = Entry.positionValue.decode(value)
    return
  }
  if (entry.kind === Entry.kinds.barrier) return
  if (entry.kind === Entry.kinds.letter) return partition.letters.restore(entry, value)
  const cell = partition.cell(entry.key)
  switch (entry.kind) {
    case Entry.kinds.state:
      partition.setState(cell, value === null ? undefined : Utf8.decode(value))
      break
    case Entry.kinds.timer:
      cell.timers ??= new Map()
      if (value === null) cell.timers.delete(Entry.timerName(entry))
      else cell.timers.set(Entry.timerName(entry), Entry.timerValue.decode(value))
      break
    case Entry.kinds.parked: {
      const offset = Entry.entryOffset(entry)
      cell.takeOut(offset)
      if (value !== null) cell.putIn(parkedMessage(cell, Entry.decodeParked(offset, value)))
      break
    }
    case Entry.kinds.wait:
      cell.wait = value === null ? undefined : Entry.waitValue.decode(value)
      break
    case Entry.kinds.pause:
      cell.paused = value === null ? undefined : Entry.pauseValue.decode(value)
      break
    default:
      throw new Error(`changelog entry of unknown kind ${entry.kind}: written by a newer version?`)
  }
  if (value === null && cell.empty) partition.cells.delete(cell.key)
}

const parkedMessage = (cell: Cell, stored: Entry.StoredMessage): Message =>
  new Message(cell, stored, stored.offset + 1, bytesOf(cell.key.length, stored), true)
