import { Clock, Duration, Effect, Exit, Latch, Option, Result, Scope, Semaphore } from "effect"
import type { KafkaError, TransactionError } from "../kafka/errors.ts"
import type { Kafka, Member, Transactor } from "../kafka/kafka.ts"
import type { Meter } from "./metrics.ts"
import { ReplicaError } from "./errors.ts"
import { idempotencyKey } from "./identity.ts"
import { parkHolders } from "./parking.ts"
import type { Partition, SettleSet } from "./partition.ts"
import { plainTransactor } from "./plain.ts"
import { settle } from "./settle.ts"
import { woken } from "./woken.ts"

/** Inbox messages in one settle, and about how many bytes it writes. */
const mostMessages = 5_000
const mostBytes = 4 * 1_048_576
/** Before a settle that the broker aborted is tried again. */
const backoff = Duration.millis(100)

/** Before one of the same generation is tried again that the group's coordinator called over; a heartbeat hears of it within a second. */
const staleBackoff = Duration.millis(250)

/** What the settler needs of its replica. */
export interface Surroundings {
  readonly actor: string
  readonly meter: Meter
  readonly kafka: Kafka["Service"]
  readonly transactionalId: string
  /** Settles without transactions. */
  readonly isAtLeastOnce: boolean
  readonly changelog: string
  readonly member: Effect.Effect<Member>
  readonly partitions: () => Iterable<Partition>
  /** Creates what is emitted to for the first time. */
  readonly ensure: Effect.Effect<void, KafkaError>
  readonly settled: (set: SettleSet) => Effect.Effect<unknown>
  /** A message holds the prefix: look again at this time (milliseconds since the epoch). */
  readonly lookAgain: (at: number) => void
  /** The outcome of a commit is unclear: everything in memory may be wrong. The producer epoch is new already. */
  readonly rebuild: Effect.Effect<void>
  /** The broker will never take what this turn writes. False: nor does it take its dead letter. */
  readonly refused: (set: SettleSet, id: string) => Effect.Effect<boolean>
}

export interface Settler {
  /** The commit that has not succeeded yet, if there is one: since when, and what is known of it. */
  readonly settling: () => { readonly id: string; readonly since: number; readonly cause: string } | undefined
  /** Since when nothing may be committed, if so. */
  readonly gatedSince: () => number | undefined
  /** Something has finished. */
  readonly signal: () => void
  /** Commits what is finished, again and again: the next settle begins when the previous one has ended (group commit). */
  readonly run: Effect.Effect<never, KafkaError | ReplicaError>
  /** Closes the gate, waits for the open settle, and then runs `last`, which may settle once more by `now`. */
  readonly pause: <A, E, R>(last: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Opens the gate. */
  readonly resume: Effect.Effect<void>
  /** One settle, whatever the gate says. Only inside `pause`. */
  readonly now: Effect.Effect<void, KafkaError | ReplicaError>
}

/** Owns the transactor: one open transaction at a time, a new producer epoch after every unclear one. */
export const make = Effect.fnUntraced(function* (
  around: Surroundings
): Effect.fn.Return<Settler, KafkaError, Scope.Scope> {
  const outer = yield* Effect.scope
  const work = yield* Latch.make(false)
  const gate = yield* Latch.make(false)
  const one = yield* Semaphore.make(1)
  /** Where the turn may be that the broker refuses; they settle one by one, at most so many turns at a time. */
  let [suspects, most] = [[] as ReadonlyArray<Partition>, Infinity]
  let trouble: { readonly id: string; readonly since: number; readonly cause: string } | undefined
  const clock = yield* Clock.Clock
  let gatedSince: number | undefined = clock.currentTimeMillisUnsafe()
  const shut = Effect.suspend(() => {
    gatedSince ??= clock.currentTimeMillisUnsafe()
    return gate.close
  })
  let scope: Scope.Closeable | undefined
  let transactor: Transactor

  /** A new epoch fences the old one, and ends its open transaction on the broker first. */
  const renew = Effect.gen(function* () {
    if (scope !== undefined) yield* Scope.close(scope, Exit.void)
    scope = yield* Scope.fork(outer)
    transactor = around.isAtLeastOnce
      ? plainTransactor(yield* Scope.provide(around.kafka.producer, scope), around.member, around.changelog)
      : yield* Scope.provide(around.kafka.transactor({ transactionalId: around.transactionalId }), scope)
  })
  yield* renew

  const startOver = Effect.andThen(renew, around.rebuild)
  /** What the last settle has left to be done before the next. */
  let before: Effect.Effect<void, KafkaError> = Effect.void
  /** Does it; interrupted, it is still to be done. */
  const prepare = Effect.gen(function* () {
    yield* before
    before = Effect.void
  })

  const finished = (partition: Partition, now: number): SettleSet | undefined => {
    if (partition.phase === "restoring" || partition.phase === "over") return undefined
    const again = parkHolders(partition, now)
    if (again !== undefined) around.lookAgain(again)
    const set = partition.settleSet(Math.min(mostMessages, most), mostBytes, most)
    if (set !== undefined && set.rest.length > 0) work.openUnsafe()
    return set
  }

  const collect = (now: number): ReadonlyArray<SettleSet> => {
    for (; suspects.length > 0; acquit()) {
      const set = finished(suspects[0]!, now)
      if (set === undefined) continue
      work.openUnsafe()
      return [set]
    }
    return Array.from(around.partitions()).flatMap((partition) => finished(partition, now) ?? [])
  }

  /** It is none of the first suspect's turns: look at the next. */
  const acquit = () => {
    suspects = suspects.slice(1)
    most = Infinity
  }

  const now: Settler["now"] = Effect.gen(function* () {
    yield* prepare
    work.closeUnsafe()
    const membership = yield* Effect.flatMap(around.member, (member) => member.membership)
    if (Option.isNone(membership)) return
    const time = Math.floor(yield* Clock.currentTimeMillis)
    const sets = collect(time)
    if (sets.length === 0) return
    yield* around.ensure
    trouble ??= {
      id: around.transactionalId,
      since: time,
      cause: "its transaction is open: the broker has not answered"
    }
    const commit = settle(transactor, membership.value, around.changelog, sets, time).pipe(
      Effect.onInterrupt(() =>
        Effect.sync(() => {
          // As unclear as one without an answer.
          before = startOver
        })
      )
    )
    const result = yield* Effect.result(commit)
    if (Result.isFailure(result)) return yield* recover(result.failure, sets, membership.value.generation)
    // Half of a suspect's turns are innocent, or all of them.
    if (most === Infinity) acquit()
    most = Infinity
    trouble = undefined
    const turns = sets.reduce((sum, { included }) => sum + included.length, 0)
    around.meter.settled(turns, (yield* Clock.currentTimeMillis) - time)
    for (const set of sets) {
      set.partition.settled(set)
      set.partition.progressAt = clock.currentTimeMillisUnsafe()
      set.partition.stalledSince = undefined
      set.partition.refusal = undefined
      yield* around.settled(set)
    }
  })

  const recover = Effect.fnUntraced(function* (
    error: TransactionError,
    sets: ReadonlyArray<SettleSet>,
    generation: number
  ): Effect.fn.Return<void, KafkaError | ReplicaError> {
    yield* Effect.logWarning("A settle did not commit").pipe(
      Effect.annotateLogs({ actor: around.actor, outcome: error.outcome, error: error.message })
    )
    around.meter.settleFailed(error.outcome)
    if (trouble !== undefined) trouble = { ...trouble, cause: `its transaction did not commit: ${error.message}` }
    work.openUnsafe()
    const isAborted = error.outcome === "aborted" || error.outcome === "refused" || error.outcome === "stale"
    // What of it is still on its way would belong to the next transaction of its epoch (why KIP-890 has one for each).
    if (isAborted && !around.isAtLeastOnce) before = renew
    switch (error.outcome) {
      case "aborted":
        return yield* Effect.sleep(backoff)
      case "refused":
        return yield* bisect(sets, error.message)
      case "stale": {
        // If the next generation is there already, go on. Else the heartbeats will hear that this one is over, and there is no membership
        // until the next; or they will not, since it was said by a broker that was cut off: only asking again tells.
        const current = yield* Effect.flatMap(around.member, (member) => member.membership)
        if (Option.isSome(current) && current.value.generation === generation) yield* Effect.sleep(staleBackoff)
        return
      }
      case "unclear":
        before = startOver
        return yield* prepare
      case "fenced":
        return yield* new ReplicaError({
          reason: "InstanceFenced",
          actor: around.actor,
          message: `two processes share ${around.transactionalId}: give each its own --instance`
        })
    }
  })

  /** Narrows a refused settle down to one partition, and then to one turn, whatever the size of its records: that one is to blame. */
  const bisect = Effect.fnUntraced(function* (sets: ReadonlyArray<SettleSet>, message: string) {
    const isLast = most === 1
    suspects = sets.map(({ partition }) => partition)
    most = Infinity
    if (sets.length > 1) return
    const [set] = sets
    const { included } = set!
    if (included.length > 1) {
      most = included.length >> 1
      // They cannot be told apart: none is blamed, and the health names the transaction.
      if (isLast) yield* Effect.sleep(backoff)
      return
    }
    suspects = []
    const { cell, task } = included[0]!
    const { partition } = set!
    if (task !== undefined && (yield* around.refused(set!, idempotencyKey(partition, cell, task)))) return
    // Nobody to blame: the topic is to be mended.
    const since = yield* Clock.currentTimeMillis
    partition.refusal ??= { key: around.transactionalId, since, cause: `its transaction did not commit: ${message}` }
    yield* Effect.sleep(backoff)
  })

  return {
    signal: () => {
      work.openUnsafe()
    },
    run: Effect.forever(
      woken(work).pipe(
        Effect.andThen(gate.await),
        // A drain that ends this loop waits for the open settle, rather than leave it unclear.
        Effect.andThen(
          one.withPermit(Effect.suspend(() => (Latch.isOpen(gate) ? Effect.uninterruptible(now) : Effect.void)))
        )
      )
    ),
    settling: () => trouble,
    gatedSince: () => gatedSince,
    pause: (last) => Effect.andThen(shut, one.withPermit(last)),
    resume: Effect.suspend(() => {
      gatedSince = undefined
      return Effect.asVoid(gate.open)
    }),
    now
  }
})
