import { Cause, Clock, Deferred, Effect, Exit, Queue, Scope, Semaphore } from "effect"
import { KafkaError } from "../errors.ts"
import type { Producer } from "../kafka.ts"
import { partitionId } from "../records.ts"
import type { ProducerRecord } from "../records.ts"
import { pause } from "./backoff.ts"
import { batchBytes, sizeBound } from "./batch-encoder.ts"
import * as Buffers from "./buffers.ts"
import { toKafkaError } from "./connections.ts"
import type { Connections } from "./connections.ts"
import * as Deliveries from "./deliveries.ts"
import * as Lane from "./lane.ts"
import type { Metadata } from "./metadata.ts"
import { produce } from "./produce-api.ts"
import type { ProducePartition } from "./produce-api.ts"
import { gather, seal } from "./produce-requests.ts"
import type { Request } from "./produce-requests.ts"
import * as ProducerId from "./producer-id.ts"
import { concerns, refused } from "./protocol-error.ts"
import type { Settings } from "./settings.ts"

/** How often the brokers must not know a partition, over about three seconds, for it to count as missing. */
const missingAfter = 7

/**
 * One fiber owns the lanes: it is woken by every send and every answer, and sends what is ready. `connections` are this producer's own.
 */
export const make = Effect.fnUntraced(function* (
  settings: Settings,
  metadata: Metadata,
  connections: Connections
): Effect.fn.Return<Producer, KafkaError, Scope.Scope> {
  // A scope that is closing takes no fibers, and whoever has a producer may send to the very end: the requests have a scope of their own.
  const scope = yield* Effect.flatMap(Effect.scope, Scope.fork)
  const clock = yield* Clock.Clock
  const room = yield* Semaphore.make(settings.bufferBytes)
  const work = yield* Queue.sliding<void>(1)
  const buffers = Buffers.make(settings.bufferBytes)
  const lanes: Array<Lane.Lane> = []
  const lanesByTopic = new Map<string, Array<Lane.Lane | undefined>>()
  const inFlight = new Map<number, number>()
  const firstIdentity = yield* ProducerId.fresh(metadata, connections, settings.patience)
  const renewing = new Set<Lane.Lane>()
  const deliveries = Deliveries.make()
  const { failBatch, failLane } = deliveries
  let finding = false
  let over: Cause.Cause<KafkaError> | undefined

  const wake = () => void Queue.offerUnsafe(work, undefined)

  const release = Effect.suspend(() => {
    const bytes = deliveries.takeFreed()
    return bytes === 0 ? Effect.void : room.release(bytes)
  })
  const end = (cause: Cause.Cause<KafkaError>) => {
    if (over !== undefined || Cause.hasInterruptsOnly(cause)) return
    over = cause
    const error = new KafkaError({ reason: "Closed", message: "the producer is over", cause: Cause.squash(cause) })
    for (const lane of lanes) {
      failLane(lane, error)
      for (const batch of lane.inFlight) failBatch(batch, error)
    }
  }
  const fork = (effect: Effect.Effect<void>) =>
    effect.pipe(
      Effect.catchCause((cause) =>
        Effect.andThen(
          Effect.sync(() => end(cause)),
          release
        )
      ),
      Effect.forkIn(scope),
      Effect.asVoid
    )

  const adopt = Effect.fnUntraced(function* (lane: Lane.Lane) {
    const identity = yield* Effect.result(ProducerId.fresh(metadata, connections, settings.deliveryTimeout))
    if (identity._tag === "Failure") failLane(lane, identity.failure)
    else
      for (const batch of Lane.adopt(lane, identity.success))
        failBatch(batch, Deliveries.unavailable(lane, Deliveries.lostMessage))
    renewing.delete(lane)
    wake()
  })
  const post = Effect.fnUntraced(function* (
    { batches, broker, nodeId }: Request,
    partitions: ReadonlyArray<ProducePartition>
  ) {
    const result = yield* Effect.result(
      connections.request(broker, produce, {
        transactionalId: null,
        timeout: Math.max(1_000, settings.requestTimeout * 0.8),
        partitions
      })
    )
    inFlight.set(nodeId, inFlight.get(nodeId)! - 1)
    if (result._tag === "Success") {
      const answers = new Map(result.success.map((answer) => [partitionId(answer.topic, answer.partition), answer]))
      for (const { batch, lane } of batches) {
        deliveries.answered(lane, batch, answers.get(partitionId(lane.topic, lane.partition)))
      }
    } else {
      const { failure } = result
      for (const { batch, lane } of batches) {
        if (failure.sent) Lane.unclear(lane, batch)
        else Lane.unsent(lane, batch)
        lane.leaderDoubted = true
        if (failure.kind !== "away") failLane(lane, toKafkaError(failure))
      }
    }
    wake()
  })

  /** Looks for the leaders of the lanes that have none or doubt theirs, once, after a pause. */
  const findLeaders = Effect.fnUntraced(function* (orphans: ReadonlyArray<Lane.Lane>) {
    if (orphans.some((lane) => lane.leaderDoubted || lane.missing > 0))
      yield* pause(Math.min(...orphans.map(({ missing }) => missing)) + 1)
    const refreshed = yield* Effect.result(metadata.refresh([...new Set(orphans.map(({ topic }) => topic))]))
    finding = false
    if (refreshed._tag === "Failure") {
      const { failure } = refreshed
      for (const lane of orphans) {
        lane.leaderDoubted = true
        if (failure._tag === "KafkaError") {
          if (concerns(failure, lane.topic)) failLane(lane, failure)
        } else if (failure.kind !== "away") failLane(lane, toKafkaError(failure))
      }
    } else {
      for (const lane of orphans) {
        lane.leaderDoubted = false
        if (metadata.known(lane.topic)?.partitions[lane.partition] !== undefined) {
          if (metadata.knownLeader(lane.topic, lane.partition) === undefined) lane.leaderDoubted = true
          lane.missing = 0
        } else if (++lane.missing >= missingAfter) {
          failLane(lane, refused("UNKNOWN_TOPIC_OR_PARTITION", Deliveries.at(lane), lane))
          lane.missing = 0
        }
      }
    }
    wake()
  })

  const expire = (now: number) => {
    for (const lane of lanes) {
      for (const batch of Lane.expire(lane, now - settings.deliveryTimeout))
        failBatch(batch, Deliveries.unavailable(lane, `not delivered within ${settings.deliveryTimeout} ms`))
    }
  }

  const dispatch = Effect.gen(function* () {
    const now = clock.currentTimeMillisUnsafe()
    expire(now)
    const next = () => gather({ lanes, metadata, settings, inFlight, now })
    for (let requests = next(); requests.length > 0; requests = next()) {
      // All at once: a lane may lose its identity as soon as another fiber runs.
      const sealed = requests.map((request) => [request, seal(request, settings)] as const)
      for (const [request, partitions] of sealed) {
        inFlight.set(request.nodeId, (inFlight.get(request.nodeId) ?? 0) + 1)
        yield* fork(post(request, partitions))
      }
    }
    const waiting = lanes.filter(({ queue }) => queue.length > 0)
    const orphans = waiting.filter(
      (lane) => lane.leaderDoubted || metadata.knownLeader(lane.topic, lane.partition) === undefined
    )
    if (orphans.length > 0 && !finding) {
      finding = true
      yield* fork(findLeaders(orphans))
    }
    for (const lane of waiting) {
      if (lane.identity !== undefined || lane.inFlight.size > 0 || renewing.has(lane)) continue
      renewing.add(lane)
      yield* fork(adopt(lane))
    }
    yield* release
    return waiting.length === 0 ? Infinity : Math.max(settings.linger, 1_000)
  })

  const nextLinger = Effect.fnUntraced(function* (limit: number) {
    const lingering = settings.linger > 0 && lanes.some(({ queue }) => queue[0]?.attempts === 0)
    const wait = lingering ? settings.linger : limit
    if (wait === Infinity) yield* Queue.take(work)
    else yield* Effect.timeoutOption(Queue.take(work), wait)
  })

  yield* fork(Effect.forever(Effect.flatMap(dispatch, nextLinger)))
  yield* Effect.addFinalizer(() =>
    Effect.andThen(
      Effect.sync(() => end(Cause.fail(new KafkaError({ reason: "Closed", message: "the producer was closed" })))),
      release
    )
  )

  const laneOf = (lanesOfTopic: Array<Lane.Lane | undefined>, record: ProducerRecord): Lane.Lane => {
    const lane = (lanesOfTopic[record.partition] = Lane.make(record, firstIdentity, buffers))
    lanes.push(lane)
    return lane
  }

  const enqueue = (records: ReadonlyArray<ProducerRecord>, bounds: ReadonlyArray<number>, delivery: Lane.Delivery) => {
    const now = clock.currentTimeMillisUnsafe()
    let topic: string | undefined
    let ofTopic: Array<Lane.Lane | undefined> = []
    for (let index = 0; index < records.length; index++) {
      const record = records[index]!
      if (record.topic !== topic) {
        topic = record.topic
        ofTopic = lanesByTopic.get(topic) ?? []
        lanesByTopic.set(topic, ofTopic)
      }
      const lane = ofTopic[record.partition] ?? laneOf(ofTopic, record)
      const bound = bounds[index]!
      Lane.append(Lane.room(lane, bound, now, batchBytes), record, bound, delivery, index)
    }
    wake()
  }

  // Neither generator nor closure that waits holds the records: they are encoded, and may be collected before they are acknowledged.
  const send: Producer["send"] = (records) =>
    Effect.suspend(() => {
      if (over !== undefined) return Effect.failCause(over)
      if (records.length === 0) return Effect.succeed([])
      const bounds = records.map(sizeBound)
      let all = 0
      for (let n = 0; n < bounds.length; n++) {
        if (bounds[n]! > settings.bufferBytes) return Deliveries.tooLarge(records[n]!, bounds[n]!, settings.bufferBytes)
        all += bounds[n]!
      }
      const bytes = Math.min(all, settings.bufferBytes)
      return Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(restore(room.take(bytes)), () => {
          if (over !== undefined) return Effect.andThen(room.release(bytes), Effect.failCause(over))
          const answer = Deferred.makeUnsafe<ReadonlyArray<number>, KafkaError>()
          enqueue(records, bounds, {
            remaining: records.length,
            offsets: bounds.slice(), // each is written over as its record ends
            bytes,
            failure: undefined,
            finished: ({ failure, offsets }) =>
              Deferred.doneUnsafe(answer, failure === undefined ? Exit.succeed(offsets) : Exit.fail(failure))
          })
          return restore(Deferred.await(answer))
        })
      )
    })

  return { send }
})
