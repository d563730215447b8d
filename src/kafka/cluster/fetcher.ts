import { Clock, Effect, Queue, Scope } from "effect"
import type { Cause } from "effect"
import type { KafkaError } from "../errors.ts"
import { pause } from "./backoff.ts"
import { toKafkaError } from "./connections.ts"
import type { ConnectionError, Connections } from "./connections.ts"
import { fetch } from "./fetch-api.ts"
import type { FetchedPartition, FetchPartition, FetchResponse } from "./fetch-api.ts"
import * as Fetched from "./fetched.ts"
import { groupByTopic } from "./group-by-topic.ts"
import type { Leader, Metadata } from "./metadata.ts"
import { notInLog } from "./offsets.ts"
import { concerns, errorName, isTransient, refused } from "./protocol-error.ts"
import type { Settings } from "./settings.ts"
import type { Slot, Slots } from "./slots.ts"

/** Milliseconds a broker may wait for news: also the longest a partition that was just sought waits for the fetch before it. */
const maxWait = 250

/** How often a partition must be unknown to the brokers, over about three seconds, to count as missing. */
const missingAfter = 7

/** Rounds of about a second after which a partition that has no leader is told of, first and then again. */
const warnFirst = 20
const warnEvery = 60

export interface Fetcher {
  /** Begins to fetch for a new slot. */
  start(slot: Slot): Effect.Effect<void>
  /** The slot can take more. */
  wake(slot: Slot): void
}

/**
 * Keeps the slots filled: one loop per broker, one fetch at a time each, which asks for every partition the broker leads that has
 * room; and one loop that finds leaders for the partitions without.
 */
export const make = Effect.fnUntraced(function* (options: {
  readonly settings: Settings
  readonly metadata: Metadata
  readonly connections: Connections
  readonly slots: Slots
  readonly committed: boolean
  /** Something can be polled: records, or a failure. */
  readonly arrived: () => void
  readonly crashed: (cause: Cause.Cause<never>) => void
}): Effect.fn.Return<Fetcher, never, Scope.Scope> {
  const { arrived, committed, connections, metadata, settings, slots } = options
  const scope = yield* Scope.Scope
  const orphaned = yield* Queue.sliding<void>(1)
  const wakeUps = new Map<number, Queue.Queue<void>>()

  const fork = (loop: Effect.Effect<void>) =>
    loop.pipe(
      Effect.catchCause((cause) => Effect.sync(() => options.crashed(cause))),
      Effect.forkIn(scope),
      Effect.asVoid
    )

  const fail = (slot: Slot, error: KafkaError) => {
    slot.failure = error
    arrived()
  }
  const find = () => void Queue.offerUnsafe(orphaned, undefined)
  const orphan = (slot: Slot, cause: string) => {
    slot.absence.failed(cause)
    slot.refusedBy = slot.leader
    slot.leader = undefined
    find()
  }
  const led = (nodeId: number) =>
    slots.all().filter((slot) => slot.leader?.nodeId === nodeId && slot.failure === undefined)

  /** The partitions to ask this broker for: none while enough of it waits to be polled. */
  const wanted = (nodeId: number): ReadonlyArray<Slot> => {
    const all = led(nodeId)
    const queued = all.reduce((bytes, { fetched }) => bytes + fetched.queuedBytes, 0)
    if (queued >= settings.prefetchBytes) return []
    return all
      .filter(({ fetched, paused }) =>
        paused ? fetched.queuedBytes === 0 : fetched.queuedBytes < settings.partitionPrefetchBytes
      )
      .sort((a, b) => a.fetched.queuedBytes - b.fetched.queuedBytes)
  }

  /** Asks what is left, aside: nobody else is to wait for that. Meanwhile the partition is not fetched. */
  const outOfRange = (slot: Slot) => {
    slot.leader = undefined
    return fork(
      Effect.match(notInLog(metadata, connections, slot, slot.fetched.fetchOffset, settings.patience), {
        onSuccess: (error) => (error === undefined ? find() : fail(slot, error)),
        onFailure: (error) => (error.reason === "Unavailable" ? orphan(slot, error.message) : fail(slot, error))
      })
    )
  }

  const absorb = Effect.fnUntraced(function* (slot: Slot, answer: FetchedPartition) {
    const error = errorName(answer.errorCode)
    if (error === "NONE") {
      const now = yield* Clock.currentTimeMillis
      slot.missing = 0
      slot.absence.answered()
      try {
        Fetched.append(slot.fetched, answer, committed, now)
      } catch (error) {
        fail(slot, Fetched.corruption(slot, error))
      }
      if (answer.records.length > 0) arrived()
    } else if (error === "OFFSET_OUT_OF_RANGE") {
      yield* outOfRange(slot)
    } else if (isTransient(error) || error === "UNKNOWN_TOPIC_OR_PARTITION") {
      orphan(slot, `fetch from partition ${slot.partition} of topic ${slot.topic}: ${error}`)
    } else {
      fail(slot, refused(error, `fetch from partition ${slot.partition} of topic ${slot.topic}`, slot))
    }
  })

  const ask = (leader: Leader, asked: ReadonlyArray<Slot>): Effect.Effect<FetchResponse, ConnectionError> => {
    const partitions = asked.map(
      ({ fetched, leader, partition, topic }): FetchPartition & { readonly topic: string } => ({
        topic,
        partition,
        leaderEpoch: leader!.epoch,
        offset: fetched.fetchOffset
      })
    )
    return connections.request(leader.broker, fetch, {
      committed,
      maxWait,
      maxBytes: settings.prefetchBytes,
      partitionMaxBytes: settings.partitionPrefetchBytes,
      topics: new Map(groupByTopic(partitions))
    })
  }

  const fetchFrom = Effect.fnUntraced(function* (nodeId: number, wakeUp: Queue.Queue<void>) {
    for (let failures = 0; ;) {
      const asked = wanted(nodeId)
      if (asked.length === 0) {
        yield* Queue.take(wakeUp)
        continue
      }
      const answer = yield* Effect.result(ask(asked[0]!.leader!, asked))
      if (answer._tag === "Failure") {
        const error = answer.failure
        for (const slot of asked) {
          if (slot.over) continue
          if (error.kind === "away") orphan(slot, error.message)
          else fail(slot, toKafkaError(error))
        }
        yield* pause(failures++)
        continue
      }
      failures = 0
      const byId = new Map(asked.map((slot) => [slot.id, slot]))
      let refusals = answer.success.errorCode === 0 ? 0 : asked.length
      for (const partition of answer.success.partitions) {
        const slot = byId.get(`${partition.topic}/${partition.partition}`)
        if (slot === undefined || slot.over) continue
        if (partition.errorCode !== 0) refusals++
        yield* absorb(slot, partition)
      }
      if (refusals === asked.length) yield* pause(failures++)
    }
  })

  const loopOf = (nodeId: number) =>
    Effect.suspend(() => {
      const existing = wakeUps.get(nodeId)
      if (existing !== undefined) {
        Queue.offerUnsafe(existing, undefined)
        return Effect.void
      }
      return Effect.flatMap(Queue.sliding<void>(1), (wakeUp) => {
        wakeUps.set(nodeId, wakeUp)
        return fork(fetchFrom(nodeId, wakeUp))
      })
    })

  /** One round of looking for leaders; answers who is still without. */
  const findLeaders = Effect.fnUntraced(function* () {
    const orphans = slots.all().filter((slot) => slot.leader === undefined && slot.failure === undefined)
    if (orphans.length === 0) return orphans
    const refreshed = yield* Effect.result(metadata.refresh([...new Set(orphans.map(({ topic }) => topic))]))
    if (refreshed._tag === "Failure") {
      const error = refreshed.failure
      const fatal = error._tag === "KafkaError" ? error : error.kind === "away" ? undefined : toKafkaError(error)
      if (fatal === undefined) return orphans
      for (const slot of orphans) if (concerns(fatal, slot.topic)) fail(slot, fatal)
      return orphans.filter(({ failure }) => failure === undefined)
    }
    for (const slot of orphans) {
      if (slot.over) continue
      const id = metadata.known(slot.topic)?.id
      slot.topicId ??= id
      if (id !== undefined && id !== slot.topicId) {
        fail(slot, refused("UNKNOWN_TOPIC_ID", `topic ${slot.topic} was deleted and made again`, slot))
        continue
      }
      const leader = metadata.knownLeader(slot.topic, slot.partition)
      // The brokers may still name the one that has just refused: believed the second time.
      const stale =
        leader !== undefined && leader.nodeId === slot.refusedBy?.nodeId && leader.epoch === slot.refusedBy.epoch
      slot.refusedBy = undefined
      if (stale) continue
      slot.leader = leader
      if (leader !== undefined) {
        yield* loopOf(leader.nodeId)
      } else if (
        metadata.known(slot.topic)?.partitions[slot.partition] === undefined &&
        ++slot.missing >= missingAfter
      ) {
        fail(slot, refused("UNKNOWN_TOPIC_OR_PARTITION", `partition ${slot.partition} of topic ${slot.topic}`, slot))
      }
    }
    return orphans.filter((slot) => slot.leader === undefined && slot.failure === undefined && !slot.over)
  })

  yield* fork(
    Effect.gen(function* () {
      for (let rounds = 0; ;) {
        if (rounds === 0) yield* Queue.take(orphaned)
        const still = yield* findLeaders()
        rounds = still.length > 0 ? rounds + 1 : 0
        if (still.length === 0) continue
        for (const { absence, partition, topic } of still)
          absence.failed(`partition ${partition} of topic ${topic} has no leader`)
        yield* pause(rounds)
        if (rounds % warnEvery === warnFirst)
          yield* Effect.logWarning(`${still[0]!.id} and ${still.length - 1} more have no leader and are waited for`)
      }
    })
  )

  return {
    start: (slot) => {
      if (slot.leader !== undefined) return loopOf(slot.leader.nodeId)
      return Effect.sync(find)
    },
    wake: (slot) => {
      const wakeUp = slot.leader === undefined ? undefined : wakeUps.get(slot.leader.nodeId)
      if (wakeUp !== undefined) Queue.offerUnsafe(wakeUp, undefined)
    }
  }
})
