import { Cause, Clock, Context, Deferred, Duration, Effect } from "effect"
import type { AnyActor } from "../actor/actor.ts"
import { statusLatestTopic, statusTopic } from "../actor/status.ts"
import { longer } from "../kafka/away.ts"
import type { KafkaError } from "../kafka/errors.ts"
import { Kafka } from "../kafka/kafka.ts"
import type { Member, Reader } from "../kafka/kafka.ts"
import { admit } from "./admission.ts"
import * as Alarm from "./alarm.ts"
import * as Codec from "./codec.ts"
import * as Creation from "./creation.ts"
import { ownTopics } from "./deadLetter.ts"
import * as Dispatcher from "./dispatcher.ts"
import { ReplicaError } from "./errors.ts"
import { partitionStatus } from "./health.ts"
import { lookUp } from "./lookUp.ts"
import * as Metrics from "./metrics.ts"
import * as Ownership from "./ownership.ts"
import { Partition } from "./partition.ts"
import { resources } from "./perform.ts"
import { Refusals } from "./refusals.ts"
import { withinMemory } from "./restore.ts"
import * as Settler from "./settler.ts"
import type { Replica, ReplicaOptions, ReplicaStatus } from "./shape.ts"
import { wants } from "./task.ts"
import * as Timeouts from "./timeouts.ts"
import * as Turns from "./turns.ts"

/** A started message holds the prefix for at most so long, in milliseconds. */
const holdLimit = 1_000
/** What one poll brings, in bytes: little enough that most of it is handled before the collector of garbage comes by. */
const pollBytes = 256 * 1_024
/** Bytes of one partition admitted and not settled. */
const capacityBytes = 8 * 1_048_576

/**
 * One member of an actor's group. The life of a message:
 *
 *     poll → decode → mailbox of its key → handler → settle
 *
 * Four loops share the partitions' state machines: `poll` admits, the dispatcher's workers run handlers, the settler commits
 * what is finished, the alarm wakes keys whose time has come. The membership outlives them all: after an unclear commit the
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
  const refused = new Refusals()
  const creation = Creation.make(kafka.topics, definition.inbox.name)
  const died = yield* Deferred.make<never, KafkaError | ReplicaError>()
  const member = yield* Deferred.make<Member>()
  let state: ReplicaStatus["state"] = "starting"
  let [crashed, progress] = [false, 0]
  let watched: Pick<Reader, "away" | "undecided"> | undefined
  let ownership: Ownership.Ownership | undefined
  let dispatcher: Dispatcher.Dispatcher | undefined
  let settler: Settler.Settler | undefined

  /** Whole milliseconds: they become timestamps. */
  const time = () => Math.floor(clock.currentTimeMillisUnsafe())
  const partitions = () => ownership?.partitions.values() ?? []
  const workers = options.workers ?? 1_024
  const alarm = yield* Alarm.make({
    partitions: () => ownership?.partitions.size ?? 0,
    crowded: () => dispatcher!.waiting() >= workers,
    look: () => settler!.signal()
  })
  const timeouts = yield* Timeouts.make({
    timeout: Duration.toMillis(definition.timeout),
    partitions,
    idle: () => dispatcher!.idle()
  })

  const run: Replica<unknown>["run"] = Effect.scoped(
    Effect.gen(function* () {
      yield* kafka.topics.ensure([definition.inbox.spec, changelog, deadLetters, statusTopic, statusLatestTopic])
      const context = yield* Effect.orDie(resources(definition)) as Effect.Effect<Context.Context<never>>
      const reader = yield* kafka.reader({ maxBytes: pollBytes })
      const settle = yield* Settler.make({
        actor: actor.name,
        meter,
        kafka,
        transactionalId: `${options.app}.${actor.name}.${options.instance}.${options.replica}`,
        isAtLeastOnce: definition.isAtLeastOnce,
        changelog: changelog.name,
        member: Deferred.await(member),
        partitions,
        ensure: creation.ensure,
        settled: (set) => {
          const { partition } = set
          progress++
          refused.settled(set)
          const fits = Effect.catch(withinMemory(partition), (error) => Deferred.fail(died, error))
          if (!partition.paused || !partition.roomy) return fits
          partition.paused = false
          return Effect.andThen(fits, reader.resume(partition))
        },
        lookAgain: alarm.lookAgain,
        rebuild: Effect.suspend(() => ownership!.rebuild),
        refused: ({ partition }, id) =>
          Effect.suspend(() =>
            refused.add(id) ? Effect.as(ownership!.retake(partition), true) : Effect.succeed(false)
          )
      })
      settler = settle
      const turns = Turns.make({
        performance: { definition, codec, refused },
        time,
        started: timeouts.started,
        emitted: creation.note,
        finished: ({ cell, partition }, now, ended) => {
          progress++
          if (ended !== undefined) meter.turned(ended.ending, ended.millis)
          if (wants(partition, cell, now)) dispatcher!.wake(partition, cell)
          settle.signal()
        },
        escalated: (key, message) =>
          Effect.asVoid(Deferred.fail(died, new ReplicaError({ reason: "Escalated", actor: actor.name, key, message })))
      })
      const services = Context.merge(yield* Effect.context<unknown>(), context)
      dispatcher = yield* Dispatcher.make(workers, {
        actor: actor.name,
        turns,
        provide: Effect.provideContext(services),
        interrupted: (partition, cell) => {
          if (Timeouts.interrupted(partition, cell)) dispatcher!.wake(partition, cell)
        },
        crashed: (cause) => Deferred.doneUnsafe(died, Effect.die(Cause.squash(cause)))
      })
      const owner = yield* Ownership.make({
        actor: actor.name,
        inbox: definition.inbox.name,
        partitionCount: definition.inbox.spec.partitions,
        changelog: changelog.name,
        kafka,
        member: Deferred.await(member),
        reader,
        settler: settle,
        ended: alarm.forget,
        create: (at, topicId) =>
          new Partition(
            {
              definition,
              deadLetters: deadLetters.name,
              expect: alarm.expect,
              wake: dispatcher!.wake,
              capacity: options.capacity ?? 2_048,
              capacityBytes,
              holdLimit
            },
            at,
            topicId
          ),
        patience: Duration.millis(sessionTimeout / 2),
        failed: (cause) => Effect.asVoid(Deferred.failCause(died, cause))
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
      watched = { away: () => longer(membership.away(), reader.away()), undecided: reader.undecided }
      // Before the member leaves (finalizers run last in, first out): settle what is started.
      yield* Effect.addFinalizer(() => {
        if (crashed) return Effect.void
        state = "draining"
        return owner.drain(Duration.fromInputUnsafe(options.drain ?? "5 seconds"))
      })
      state = "running"

      const poll = Effect.gen(function* () {
        for (const batch of yield* reader.poll) {
          const letters = yield* lookUp(kafka, actor.name, deadLetters.name, batch)
          const partition = owner.partitions.get(batch.partition)
          if (partition?.phase !== "active") continue
          if (partition.readOffset === batch.fromOffset) admit(partition, batch, time(), letters)
          // Polled for an ownership that is over: the present one goes on from its own offset.
          else yield* reader.seek(partition, partition.readOffset)
          progress++
          if (!partition.full) continue
          partition.paused = true
          yield* reader.pause(partition)
          // A settle may have made room meanwhile, when there was no pause to end yet; or the partition was taken anew.
          if (owner.partitions.get(partition.partition)?.paused !== true) yield* reader.resume(partition)
        }
        settle.signal()
      })
      return yield* Effect.raceAllFirst([
        Effect.forever(poll),
        settle.run,
        alarm.run,
        timeouts.run,
        membership.failed,
        Deferred.await(died)
      ])
    })
  )

  const status = (): ReplicaStatus => ({
    instance: options.instance,
    replica: options.replica,
    state: state === "running" && (ownership?.restoring() ?? 0) > 0 ? "restoring" : state,
    away: watched?.away(),
    partitions: Array.from(partitions(), (partition) =>
      partitionStatus(partition, {
        now: time(),
        stuckAfter: Duration.toMillis(options.stuckAfter ?? "30 seconds"),
        settling: settler?.settling(),
        gatedSince: settler?.gatedSince(),
        undecided: watched?.undecided(partition)
      })
    )
  })

  const busy = Effect.gen(function* () {
    if (state !== "running" || ownership === undefined) return true
    if (!ownership.assigned() || ownership.restoring() > 0 || !dispatcher!.idle()) return true
    for (const partition of partitions()) {
      // By position: what only transaction markers follow is read to its end without a message.
      if (partition.unsettled > 0 || partition.readOffset < (yield* kafka.topics.endOffset(partition))) return true
    }
    return false
  })

  return {
    run,
    status,
    busy,
    progress: () => progress,
    crash: Effect.suspend(() => {
      crashed = true
      state = "draining"
      return Effect.asVoid(Deferred.die(died, new Error(`${actor.name}: crashed on request`)))
    })
  }
})
