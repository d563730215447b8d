import { expect, it } from "@effect/vitest"
import { Cause, Duration, Effect, Fiber, Latch, Option } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import type { Kafka, Member, Reader, TopicDescription } from "../../src/kafka/kafka.ts"
import type { TopicPartition } from "../../src/kafka/records.ts"
import * as Ownership from "../../src/runtime/ownership.ts"
import { Partition } from "../../src/runtime/partition.ts"
import type { Settler } from "../../src/runtime/settler.ts"
import { surroundings } from "./world.ts"

const one: TopicPartition = { topic: "numbers", partition: 0 }
const membership = { group: "g", memberId: "m", generation: 1 }
const assignment = { membership, added: [one], owned: [one] }

/**
 * An ownership of one partition. `answering`: the group's coordinator tells committed offsets; a restore that is interrupted before takes
 * a second to clean up, as one does that closes its connections.
 */
const startWith = Effect.fnUntraced(function* (described: ReadonlyArray<Partial<TopicDescription>>) {
  const answering = Latch.makeUnsafe(true)
  const reading = new Set<number>()
  const committed = answering.await.pipe(
    Effect.as([{ ...one, offset: 7 }]),
    Effect.onInterrupt(() => Effect.sleep("1 second"))
  )
  const member: Member = {
    membership: Effect.succeed(Option.some(membership)),
    committed: () => committed,
    commit: () => Effect.void,
    away: () => undefined,
    failed: Effect.never
  }
  const reader: Reader = {
    seek: ({ partition }) => Effect.sync(() => void reading.add(partition)),
    stop: ({ partition }) => Effect.sync(() => void reading.delete(partition)),
    pause: () => Effect.void,
    resume: () => Effect.void,
    poll: Effect.never,
    away: () => undefined,
    undecided: () => undefined
  }
  const topics = {
    describe: () => Effect.succeed(described),
    beginOffset: () => Effect.succeed(0),
    endOffset: () => Effect.succeed(0)
  }
  const failures: Array<string> = []
  const ended: Array<Partition> = []
  const ownership = yield* Ownership.make({
    actor: "sum",
    inbox: "numbers",
    partitionCount: 1,
    changelog: "sum.changelog",
    // A changelog that is empty.
    kafka: { topics, producer: Effect.succeed({ send: () => Effect.succeed([0]) }) } as unknown as Kafka["Service"],
    member: Effect.succeed(member),
    reader,
    settler: {
      pause: (last: Effect.Effect<void>) => last,
      resume: Effect.void,
      now: Effect.void
    } as unknown as Settler,
    create: (at, topicId) => new Partition(surroundings, at, topicId),
    ended: (partition) => void ended.push(partition),
    patience: Duration.seconds(5),
    failed: (cause) =>
      Effect.sync(() => {
        const error = Option.getOrUndefined(Cause.findErrorOption(cause))
        failures.push(error === undefined ? String(Cause.squash(cause)) : `${error.reason}: ${error.message}`)
      })
  })
  yield* ownership.listener.assigned(assignment)
  yield* TestClock.adjust(10)
  const partition = () => ownership.partitions.get(0)
  const state = () => ({ phase: partition()?.phase, isRead: reading.has(0), restoring: ownership.restoring() })
  return { ownership, answering, failures, ended, partition, state }
})
const start = startWith([{ name: "numbers", id: "id", partitions: 1 }])

const owned = { phase: "active", isRead: true, restoring: 0 }
const given = { phase: undefined, isRead: false, restoring: 0 }

describe("a partition", () => {
  it.effect("is read while it is owned, and not after", () =>
    Effect.gen(function* () {
      const { ownership, state } = yield* start
      expect(state()).toEqual(owned)
      yield* ownership.listener.lost([one])
      expect(state()).toEqual(given)
    }).pipe(Effect.scoped)
  )

  it.effect("of a topic that the brokers do not know, or that has another number of them, is refused by name", () =>
    Effect.gen(function* () {
      const { failures, state } = yield* startWith([])
      expect(state()).toEqual(given)
      expect(failures).toEqual(["TopicMissing: topic numbers is not there, though partitions of it were assigned"])
      const grown = yield* startWith([{ name: "numbers", id: "id", partitions: 2 }])
      expect(grown.state()).toEqual(given)
      expect(grown.failures).toEqual(["PartitionsChanged: numbers has 2 partitions, its state was made with 1"])
    }).pipe(Effect.scoped)
  )

  it.effect("that is retaken is read again", () =>
    Effect.gen(function* () {
      const { answering, ownership, partition, state } = yield* start
      answering.closeUnsafe()
      yield* ownership.retake(partition()!)
      yield* TestClock.adjust(10)
      expect(state()).toEqual({ phase: "restoring", isRead: false, restoring: 1 })
      answering.openUnsafe()
      yield* TestClock.adjust(10)
      expect(state()).toEqual(owned)
    }).pipe(Effect.scoped)
  )

  const ways: Record<string, (ownership: Ownership.Ownership, partition: Partition) => Effect.Effect<void>> = {
    "is lost": ({ listener }) => listener.lost([one]),
    "is revoked": ({ listener }) => listener.beforeJoin([one]),
    "is retaken": ({ retake }, partition) => retake(partition),
    "is rebuilt": ({ rebuild }) => rebuild,
    "is drained": ({ drain }) => drain(Duration.seconds(1)),
    "is abandoned": ({ abandon }) => abandon
  }

  it.effect.each(Object.entries(ways))(
    "that %s is told of as ended, once, and so is what was begun in its place",
    ([, go]) =>
      Effect.gen(function* () {
        const { ended, ownership, partition } = yield* start
        const first = partition()!
        expect(ended).toEqual([])
        yield* go(ownership, first)
        expect(ended.map((it) => it === first)).toEqual([true])
        const second = partition()
        yield* ownership.abandon
        expect(ended.length).toBe(second === undefined ? 1 : 2)
        expect(ended[1] === second).toBe(true)
      }).pipe(Effect.scoped)
  )

  // Each begins while the one before it waits for the interrupted restore.
  const orders = {
    "lost, then retaken": ["lost", "retaken"],
    "retaken, then lost": ["retaken", "lost"],
    "retaken twice, then lost": ["retaken", "retaken", "lost"],
    "lost, then retaken, then assigned": ["lost", "retaken", "assigned"],
    "retaken, then lost, then assigned": ["retaken", "lost", "assigned"],
    "retaken, then lost, then assigned, then retaken": ["retaken", "lost", "assigned", "retaken"],
    "retaken, then revoked": ["retaken", "revoked"]
  } as const

  it.effect.each(Object.entries(orders))("ends as the group said last: %s", ([, steps]) =>
    Effect.gen(function* () {
      const { answering, ownership, partition, state } = yield* start
      answering.closeUnsafe()
      yield* ownership.retake(partition()!)
      yield* TestClock.adjust(10)
      const seen = partition()!
      const scope = yield* Effect.scope
      let listening: Fiber.Fiber<void> | undefined
      for (const step of steps) {
        if (step === "retaken") {
          yield* Effect.forkIn(ownership.retake(partition() ?? seen), scope)
        } else {
          // The member calls its listener once at a time.
          if (listening !== undefined)
            yield* Effect.raceFirst(Fiber.join(listening), Effect.forever(TestClock.adjust(100)))
          const call = {
            lost: ownership.listener.lost([one]),
            revoked: ownership.listener.beforeJoin([one]),
            assigned: ownership.listener.assigned(assignment)
          }[step]
          listening = yield* Effect.forkIn(call, scope)
        }
        yield* TestClock.adjust(10)
      }
      yield* TestClock.adjust("10 seconds")
      answering.openUnsafe()
      yield* TestClock.adjust("10 seconds")
      const isOwned = steps.some((step) => step === "assigned")
      expect(state()).toEqual(isOwned ? owned : given)
    }).pipe(Effect.scoped)
  )
})
