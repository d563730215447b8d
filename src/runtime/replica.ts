import { Cause, Clock, Deferred, Duration, Effect, Latch, Option } from "effect"
import type { Context, Fiber } from "effect"
import type { AnyActor } from "../actor/actor.ts"
import { statusLatestTopic, statusTopic } from "../actor/status.ts"
import type { KafkaError } from "../kafka/errors.ts"
import { Kafka } from "../kafka/kafka.ts"
import type { Member } from "../kafka/kafka.ts"
import type { Batch } from "../kafka/records.ts"
import { DueHeap } from "../store/heap.ts"
import type { Cell } from "./cell.ts"
import * as Codec from "./codec.ts"
import { complete } from "./completion.ts"
import { wantedLetters } from "./control.ts"
import { ownTopics, readLetter } from "./deadLetter.ts"
import type { Letter } from "./deadLetter.ts"
import * as Dispatcher from "./dispatcher.ts"
import { ReplicaError } from "./errors.ts"
import * as Metrics from "./metrics.ts"
import * as Ownership from "./ownership.ts"
import { Partition } from "./partition.ts"
import type { DueItem, SettleSet } from "./partition.ts"
import { perform, resources } from "./perform.ts"
import * as Settler from "./settler.ts"
import { idempotencyKey } from "./identity.ts"
import { nextTask, wants } from "./task.ts"

/** Where a replica runs. Its group is `{app}.{actor}`, its transactional id `{app}.{actor}.{instance}.{replica}`. */
export interface ReplicaOptions {
  readonly app: string
  readonly instance: string
  readonly replica: number
  /** Handlers running at a time. Default 1,024. */
  readonly workers?: number
  /** Messages of one partition admitted and not settled. Default 2,048. */
  readonly capacity?: number
  /** Default 10 s. */
  readonly sessionTimeout?: Duration.Input
  /** How long a drain may take before unfinished handlers are interrupted. Default 5 s. */
  readonly drain?: Duration.Input
}

export interface PartitionStatus {
  readonly partition: number
  /** Messages in the inbox that are not settled, by position. */
  readonly lag: number
  readonly inFlight: number
  readonly parked: number
  /** What holds the partition's progress, if anything does. */
  readonly held: { readonly key: string; readonly since: string; readonly cause: string } | null
}

export interface ReplicaStatus {
  readonly instance: string
  readonly replica: number
  readonly state: "starting" | "restoring" | "running" | "waiting" | "draining"
  readonly partitions: ReadonlyArray<PartitionStatus>
}

/** A replica that is there but does not run yet. */
export interface Replica<R> {
  /** Runs until it is interrupted (then it drains) or something of the machinery fails. */
  readonly run: Effect.Effect<never, KafkaError | ReplicaError, R>
  readonly status: () => ReplicaStatus
  /** Whether anything can still happen without the clock: a message unread, a turn under way, a result unsettled. */
  readonly busy: Effect.Effect<boolean, KafkaError>
  /** Counts whatever moves: it stands still when only the clock or something outside can move it. */
  readonly progress: () => number
  /** Encoded state of a key, settled or about to be; undefined where it is the initial one or the key is not here. For tests. */
  readonly stateOf: (key: string) => Uint8Array | undefined
  /** Ends `run` without a drain, as a crash would. */
  readonly crash: Effect.Effect<void>
}

/** A started message holds the prefix for at most so long, in milliseconds. */
const holdLimit = 1_000
/** Bytes of one partition admitted and not settled. */
const capacityBytes = 8 * 1_048_576
/** The clock may have jumped: due times are looked at at least so often. */
const longestSleep = 60_000

/**
 * One member of an actor's group. The life of a message:
 *
 *     poll → decode → mailbox of its key → handler → settle
 *
 * Four loops share the partitions' state machines: `poll` admits, the dispatcher's workers run handlers, the settler commits
 * what is finished, `ring` wakes keys whose time has come. The membership outlives them all: after an unclear commit the
 * partitions are restored under a new producer epoch while heartbeats go on. Needs the services of the actor's handlers.
 */
export const make = Effect.fnUntraced(function* (
  actor: AnyActor,
  options: ReplicaOptions
): Effect.fn.Return<Replica<unknown>, never, Kafka> {
  const { definition } = actor
  const kafka = yield* Kafka
  const clock = yield* Clock.Clock
  const { changelog, deadLetters } = ownTopics(actor.name, definition.inbox.spec)
  const sessionTimeout = Duration.toMillis(options.sessionTimeout ?? "10 seconds")
  const codec = Codec.make(definition)
  const meter = yield* Metrics.make(actor.name)
  const heap = new DueHeap<DueItem>()
  const refused = new Set<string>()
  const known = new Set([definition.inbox.name])
  const died = yield* Deferred.make<never, KafkaError | ReplicaError>()
  const alarm = yield* Latch.make(false)
  /** Some handler may be running. */
  const started = yield* Latch.make(false)
  const member = yield* Deferred.make<Member>()
  let state: ReplicaStatus["state"] = "starting"
  let [crashed, progress, lookAt] = [false, 0, Infinity]
  let ownership: Ownership.Ownership | undefined
  let dispatcher: Dispatcher.Dispatcher | undefined
  let settler: Settler.Settler | undefined

  /** Whole milliseconds: they become timestamps. */
  const time = () => Math.floor(clock.currentTimeMillisUnsafe())
  const partitions = () => ownership?.partitions.values() ?? []

  // ---------------------------------------------------------------- handlers

  const turn = Effect.fnUntraced(function* (partition: Partition, cell: Cell, worker: Fiber.Fiber<unknown, unknown>) {
    const task = nextTask(partition, cell, time())
    if (task === undefined) return
    const timedOut = cell.timedOut === task
    cell.timedOut = undefined
    started.openUnsafe()
    partition.started(cell, { task, since: time(), fiber: worker })
    const outcome = yield* perform({ definition, codec, refused }, partition, cell, task, timedOut)
    const now = time()
    const { since } = cell.running!
    partition.stopped(cell)
    progress++
    if (partition.phase === "over") return
    meter.turned(outcome.ending._tag, now - since)
    if (outcome.ending._tag === "Escalate") {
      const message = `${idempotencyKey(partition, cell, task)}: ${outcome.ending.cause}`
      yield* Deferred.fail(died, new ReplicaError({ reason: "Escalated", actor: actor.name, message }))
      return
    }
    complete(partition, cell, task, outcome, now)
    if (wants(partition, cell, now)) dispatcher!.wake(partition, cell)
    settler!.signal()
  })

  const interrupted = (partition: Partition, cell: Cell) => {
    partition.stopped(cell)
    if (cell.timedOut !== undefined && partition.phase === "active") dispatcher!.wake(partition, cell)
  }

  /** Handlers that run for too long are interrupted; what becomes of their message is the next task of their key. */
  const watch = Effect.gen(function* () {
    yield* Effect.when(
      started.close,
      Effect.sync(() => dispatcher!.idle())
    )
    yield* started.await
    const timeout = Duration.toMillis(definition.timeout)
    yield* Effect.sleep(timeout / 10)
    const now = yield* Clock.currentTimeMillis
    for (const partition of partitions()) {
      for (const cell of partition.running) {
        if (now - cell.running!.since < timeout) continue
        cell.timedOut = cell.running!.task
        cell.running!.fiber.interruptUnsafe()
      }
    }
  })

  // ---------------------------------------------------------------- time

  const expect = (item: DueItem) => {
    heap.push(item)
    if (heap.peek() === item) alarm.openUnsafe()
  }

  const ring = Effect.gen(function* () {
    yield* alarm.close
    const now = time()
    for (let item = heap.popDue(now); item !== undefined; item = heap.popDue(now)) item.partition.ring(item)
    if (lookAt <= now) {
      lookAt = Infinity
      settler!.signal()
    }
    const next = Math.min(heap.peek()?.due ?? Infinity, lookAt)
    if (next === Infinity) return yield* alarm.await
    yield* Effect.timeoutOption(alarm.await, Math.min(next - now, longestSleep))
  })

  // ---------------------------------------------------------------- commands

  /** The dead letters that a batch's commands want replayed. */
  const lookUp = Effect.fnUntraced(function* (batch: Batch) {
    const letters = new Map<number, Letter>()
    for (const offset of wantedLetters(actor.name, batch)) {
      const record = yield* kafka.read({ topic: deadLetters.name, partition: batch.partition, offset })
      const letter = Option.isNone(record) ? undefined : readLetter(record.value)
      if (letter !== undefined) letters.set(offset, letter)
    }
    return letters
  })

  // ---------------------------------------------------------------- settling

  const ensure = Effect.fnUntraced(function* (sets: ReadonlyArray<SettleSet>) {
    for (const { topic } of sets.flatMap(({ included }) => included.flatMap(({ emitted }) => emitted ?? []))) {
      if (known.has(topic.name)) continue
      yield* kafka.topics.ensure([topic.spec])
      known.add(topic.name)
    }
  })

  const run: Replica<unknown>["run"] = Effect.scoped(
    Effect.gen(function* () {
      yield* kafka.topics.ensure([definition.inbox.spec, changelog, deadLetters, statusTopic, statusLatestTopic])
      const context = yield* Effect.orDie(resources(definition)) as Effect.Effect<Context.Context<never>>
      const reader = yield* kafka.reader()
      const settle = yield* Settler.make({
        actor: actor.name,
        meter,
        kafka,
        transactionalId: `${options.app}.${actor.name}.${options.instance}.${options.replica}`,
        changelog: changelog.name,
        member: Deferred.await(member),
        partitions,
        ensure,
        settled: ({ partition }) => {
          progress++
          if (!partition.paused || !partition.roomy) return Effect.void
          partition.paused = false
          return reader.resume(partition)
        },
        lookAgain: (at) => {
          if (at >= lookAt) return
          lookAt = at
          alarm.openUnsafe()
        },
        rebuild: Effect.suspend(() => ownership!.rebuild),
        refused: ({ partition }, id) => {
          refused.add(id)
          return ownership!.retake(partition)
        }
      })
      settler = settle
      dispatcher = yield* Dispatcher.make(options.workers ?? 1_024, {
        turn:
          definition.resources.length === 0
            ? turn
            : (partition, cell, worker) => Effect.provideContext(turn(partition, cell, worker), context),
        interrupted,
        crashed: (cause) => Deferred.doneUnsafe(died, Effect.die(Cause.squash(cause)))
      })
      const owner = yield* Ownership.make({
        actor: actor.name,
        inbox: definition.inbox.name,
        changelog: changelog.name,
        kafka,
        member: Deferred.await(member),
        reader,
        settler: settle,
        create: (at, topicId) =>
          new Partition(
            {
              definition,
              deadLetters: deadLetters.name,
              expect,
              wake: dispatcher!.wake,
              capacity: options.capacity ?? 2_048,
              capacityBytes,
              holdLimit
            },
            at,
            topicId
          ),
        patience: Duration.millis(sessionTimeout / 2),
        failed: (error) => Effect.asVoid(Deferred.fail(died, error))
      })
      ownership = owner
      yield* Effect.addFinalizer(() => owner.abandon)
      const membership = yield* kafka.member({
        group: `${options.app}.${actor.name}`,
        topics: [definition.inbox.name],
        sessionTimeout,
        listener: owner.listener
      })
      yield* Deferred.succeed(member, membership)
      // Before the member leaves (finalizers run last in, first out): settle what is started.
      yield* Effect.addFinalizer(() => {
        if (crashed) return Effect.void
        state = "draining"
        return owner.drain(Duration.fromInputUnsafe(options.drain ?? "5 seconds"))
      })
      state = "running"

      const poll = Effect.gen(function* () {
        for (const batch of yield* reader.poll) {
          const letters = yield* lookUp(batch)
          const partition = owner.partitions.get(batch.partition)
          // Polled for an ownership that is over: the present one reads from its own offset.
          if (partition?.phase !== "active" || partition.readOffset !== batch.fromOffset) continue
          partition.admit(batch, time(), letters)
          progress++
          if (!partition.full) continue
          partition.paused = true
          yield* reader.pause(partition)
        }
        settle.signal()
      })
      return yield* Effect.raceAllFirst([
        Effect.forever(poll),
        settle.run,
        Effect.forever(ring),
        Effect.forever(watch),
        membership.failed,
        Deferred.await(died)
      ])
    })
  )

  const status = (): ReplicaStatus => ({
    instance: options.instance,
    replica: options.replica,
    state: state === "running" && (ownership?.restoring() ?? 0) > 0 ? "restoring" : state,
    partitions: [...partitions()].map(partitionStatus)
  })

  /** By position: what only transaction markers follow is read to its end without a message. */
  const unread = Effect.fnUntraced(function* (partition: Partition) {
    const end = yield* kafka.topics.endOffset(partition)
    return partition.readOffset < end
  })

  const busy = Effect.gen(function* () {
    if (state !== "running" || ownership === undefined) return true
    if (!ownership.assigned() || ownership.restoring() > 0 || !dispatcher!.idle()) return true
    for (const partition of partitions()) {
      if (partition.unsettled > 0 || (yield* unread(partition))) return true
    }
    return false
  })

  return {
    run,
    status,
    busy,
    progress: () => progress,
    stateOf: (key) => {
      for (const partition of partitions()) {
        const bytes = partition.cells.get(key)?.bytes
        if (bytes !== undefined) return bytes
      }
      return undefined
    },
    crash: Effect.suspend(() => {
      crashed = true
      state = "draining"
      return Effect.asVoid(Deferred.die(died, new Error(`${actor.name}: crashed on request`)))
    })
  }
})

const partitionStatus = (partition: Partition): PartitionStatus => {
  let [parked, held] = [0, null as PartitionStatus["held"]]
  for (const cell of partition.cells.values()) {
    parked += cell.parked.length
    if (cell.wait === undefined || cell.wait.until !== undefined) continue
    held ??= { key: cell.key, since: new Date(cell.wait.since).toISOString(), cause: cell.wait.cause }
  }
  const settled = partition.window.size === 0 ? partition.readOffset : partition.position.next
  return {
    partition: partition.partition,
    lag: Math.max(0, partition.endOffset - settled),
    inFlight: partition.window.size,
    parked,
    held
  }
}
