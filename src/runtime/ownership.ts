import { Cause, Clock, Effect, Fiber, FiberSet, RcRef } from "effect"
import type { Duration, Scope } from "effect"
import { KafkaError } from "../kafka/errors.ts"
import type { Assignment, Kafka, Member, Reader, RebalanceListener } from "../kafka/kafka.ts"
import type { TopicPartition } from "../kafka/records.ts"
import { ReplicaError } from "./errors.ts"
import type { Partition } from "./partition.ts"
import { restore } from "./restore.ts"
import type { Settler } from "./settler.ts"

/** What ownership needs of its replica. */
export interface Surroundings {
  readonly actor: string
  readonly inbox: string
  /** As declared: another number on the broker is refused. */
  readonly partitionCount: number
  readonly changelog: string
  readonly kafka: Kafka["Service"]
  readonly member: Effect.Effect<Member>
  readonly reader: Reader
  readonly settler: Settler
  readonly create: (at: TopicPartition, topicId: string) => Partition
  /** Ownership of a partition is over. */
  readonly ended: (partition: Partition) => void
  /** For a rebalance: how long started handlers may go on. */
  readonly patience: Duration.Duration
  /** By an error or a defect: the replica cannot go on. */
  readonly failed: (cause: Cause.Cause<KafkaError | ReplicaError>) => Effect.Effect<void>
}

/** Which partitions a replica owns. */
export interface Ownership {
  readonly listener: RebalanceListener
  readonly partitions: ReadonlyMap<number, Partition>
  /** Partitions being restored. */
  readonly restoring: () => number
  /** There has been an assignment. */
  readonly assigned: () => boolean
  /** Drops all memory and restores what is owned: after an unclear commit. */
  readonly rebuild: Effect.Effect<void>
  /** The same for one partition. */
  readonly retake: (partition: Partition) => Effect.Effect<void>
  /** Finishes what is started, settles it, and gives everything up. */
  readonly drain: (patience: Duration.Duration) => Effect.Effect<void>
  /** Gives everything up as it is. */
  readonly abandon: Effect.Effect<void>
}

/**
 * Takes and gives up partitions as the group decides. Before a join: the gate closes, the open settle ends, revoked partitions
 * finish what they started, settle it, and are dropped; only then the join goes. After the sync the gate opens and new partitions
 * are restored, each becoming active by itself.
 */
export const make = Effect.fnUntraced(function* (
  around: Surroundings
): Effect.fn.Return<Ownership, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const owned = new Map<number, Partition>()
  const run = yield* FiberSet.makeRuntime()
  const producer = yield* RcRef.make({ acquire: around.kafka.producer })
  const takes = new WeakMap<Partition, Fiber.Fiber<unknown, unknown>>()
  let isAssigned = false
  let topicId = ""

  const at = (partition: number): TopicPartition => ({ topic: around.inbox, partition })
  const isOwned = (partition: Partition) => owned.get(partition.partition) === partition

  /** Nobody looks at the fibers: what they end with is told here, unless they were ended. */
  const failing = (effect: Effect.Effect<void, KafkaError | ReplicaError>): Effect.Effect<void> =>
    Effect.catchCause(effect, (cause) => (Cause.hasInterruptsOnly(cause) ? Effect.void : around.failed(cause)))

  const take = Effect.fnUntraced(function* (partition: Partition) {
    const number = partition.partition
    yield* around.reader.stop(at(number))
    const next = yield* restore(around.kafka, yield* around.member, partition, {
      actor: around.actor,
      changelog: around.changelog,
      topicId,
      producer: RcRef.get(producer)
    })
    const now = yield* Clock.currentTimeMillis
    if (!isOwned(partition)) return
    partition.activate(next, topicId)
    partition.progressAt = partition.stalledSince ?? now
    yield* around.reader.seek(at(number), next)
  })

  const startTaking = (number: number, stalledSince?: number) => {
    const partition = around.create(at(number), topicId)
    partition.stalledSince = stalledSince
    partition.progressAt = clock.currentTimeMillisUnsafe()
    owned.set(number, partition)
    run(
      // It knows itself before anything of it can end the ownership.
      Effect.withFiber<void>((fiber) => {
        takes.set(partition, fiber)
        return failing(take(partition))
      })
    )
  }

  /** Ends an ownership, at once: whoever comes second finds another one, or none. Answers whether it was there to be ended. */
  const end = (partition: Partition): boolean => {
    if (!isOwned(partition)) return false
    owned.delete(partition.partition)
    partition.end()
    around.ended(partition)
    return true
  }

  const drop = (number: number) =>
    Effect.suspend(() => {
      const partition = owned.get(number)
      if (partition === undefined || !end(partition)) return Effect.void
      return Effect.andThen(around.reader.stop(at(number)), Fiber.interrupt(takes.get(partition)!))
    })

  /** Lets started handlers finish, then settles; what is not settled in time is dropped. */
  const finish = Effect.fnUntraced(function* (partitions: ReadonlyArray<Partition>, patience: Duration.Duration) {
    for (const partition of partitions) {
      if (partition.phase !== "active") continue
      partition.phase = "draining"
      yield* around.reader.stop(partition)
    }
    yield* Effect.forEach(partitions, quiet, { concurrency: "unbounded" }).pipe(Effect.timeoutOption(patience))
    yield* Effect.timeoutOption(around.settler.now, patience).pipe(
      Effect.catch((error) => Effect.logWarning("What was finished last is not settled", error))
    )
  })

  const giveUp = Effect.fnUntraced(function* (numbers: ReadonlyArray<number>, patience: Duration.Duration) {
    const revoked = numbers.flatMap((number) => owned.get(number) ?? [])
    yield* around.settler.pause(
      Effect.gen(function* () {
        if (revoked.length > 0) yield* finish(revoked, patience)
        yield* Effect.forEach(numbers, (number) => drop(number), { discard: true })
      })
    )
  })

  const assigned = Effect.fnUntraced(function* ({ added, owned: all }: Assignment) {
    isAssigned = true
    if (added.length > 0) {
      const [topic] = yield* around.kafka.topics.describe([around.inbox])
      if (topic === undefined) {
        const message = `topic ${around.inbox} is not there, though partitions of it were assigned`
        return yield* new KafkaError({ reason: "TopicMissing", message, topic: around.inbox })
      }
      topicId = topic.id
      if (topic.partitions !== around.partitionCount) {
        const message = `${topic.name} has ${topic.partitions} partitions, its state was made with ${around.partitionCount}`
        return yield* new ReplicaError({ reason: "PartitionsChanged", actor: around.actor, message })
      }
    }
    for (const { partition } of all) if (!owned.has(partition)) startTaking(partition)
    yield* around.settler.resume
  })

  /** Only what is still owned; nobody finds the number free in between, so that what is lost meanwhile is given up as well. */
  const retake = (partition: Partition) =>
    Effect.suspend(() => {
      if (!end(partition)) return Effect.void
      const isStalled = partition.window.size > 0 || partition.unsettled > 0
      startTaking(partition.partition, partition.stalledSince ?? (isStalled ? partition.progressAt : undefined))
      return Fiber.interrupt(takes.get(partition)!)
    })

  return {
    partitions: owned,
    restoring: () => Array.from(owned.values()).filter(({ phase }) => phase === "restoring").length,
    assigned: () => isAssigned,
    listener: {
      beforeJoin: (revoked) =>
        giveUp(
          revoked.map(({ partition }) => partition),
          around.patience
        ),
      assigned: (assignment) => failing(assigned(assignment)),
      lost: (partitions) => Effect.forEach(partitions, ({ partition }) => drop(partition), { discard: true })
    },
    rebuild: Effect.suspend(() => Effect.forEach([...owned.values()], retake, { discard: true })),
    retake,
    drain: (patience) => Effect.suspend(() => giveUp([...owned.keys()], patience)),
    abandon: Effect.suspend(() => Effect.forEach([...owned.keys()], (number) => drop(number), { discard: true }))
  }
})

/** Waits until none of the partition's handlers runs. */
const quiet = (partition: Partition): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (partition.running.size === 0) resume(Effect.void)
    else partition.onQuiet = () => resume(Effect.void)
  })
