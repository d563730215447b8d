import { Cause, Clock, Effect, Queue } from "effect"
import type { Scope } from "effect"
import { longer } from "../away.ts"
import type { Away } from "../away.ts"
import { KafkaError } from "../errors.ts"
import type { Reader, ReaderOptions } from "../kafka.ts"
import { partitionId } from "../records.ts"
import type { Batch, KafkaRecord } from "../records.ts"
import { CorruptBatch } from "./batch-decoder.ts"
import type { Connections } from "./connections.ts"
import { make as makeFetcher } from "./fetcher.ts"
import * as Fetched from "./fetched.ts"
import type { Metadata } from "./metadata.ts"
import type { Settings } from "./settings.ts"
import { make as makeSlots } from "./slots.ts"
import type { Slot } from "./slots.ts"

/** `connections` are this reader's own: a fetch keeps its connection busy for as long as the broker has nothing. */
export const make = Effect.fnUntraced(function* (
  settings: Settings,
  metadata: Metadata,
  connections: Connections,
  options: ReaderOptions = {}
): Effect.fn.Return<Reader, never, Scope.Scope> {
  const committed = options.isolation !== "uncommitted"
  const maxBytes = options.maxBytes ?? 1024 * 1024
  const arrived = yield* Queue.sliding<void>(1)
  const slots = makeSlots(metadata, yield* Clock.Clock)
  let over: Cause.Cause<KafkaError> | undefined
  const end = (cause: Cause.Cause<KafkaError>) => {
    if (!Cause.hasInterruptsOnly(cause)) over ??= cause
    Queue.offerUnsafe(arrived, undefined)
  }
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => end(Cause.fail(new KafkaError({ reason: "Closed", message: "the reader was closed" }))))
  )
  const fetcher = yield* makeFetcher({
    settings,
    metadata,
    connections,
    slots,
    committed,
    arrived: () => Queue.offerUnsafe(arrived, undefined),
    crashed: end
  })

  const takeFrom = (slot: Slot, budget: number): Batch | undefined => {
    const records: Array<KafkaRecord> = []
    const before = slot.fetched.takeOffset
    try {
      Fetched.take(slot.fetched, committed, budget, records)
    } catch (error) {
      if (!(error instanceof CorruptBatch)) throw error
      slot.failure = Fetched.corruption(slot, error)
      slot.fetched.chunks.length = 0
      slot.fetched.queuedBytes = 0
    }
    const { endOffset, takeOffset } = slot.fetched
    return takeOffset === before && records.length === 0
      ? undefined
      : { topic: slot.topic, partition: slot.partition, records, fromOffset: before, nextOffset: takeOffset, endOffset }
  }

  /** What there is, in turn: a partition that gave something waits behind the others. */
  const collect = (): ReadonlyArray<Batch> => {
    const batches: Array<Batch> = []
    let budget = maxBytes
    for (const slot of slots.all()) {
      if (budget <= 0) break
      if (slot.paused || slot.fetched.chunks.length === 0) continue
      const queued = slot.fetched.queuedBytes
      // Only the first batch of a poll may go beyond the budget.
      if (batches.length > 0 && Fetched.nextSize(slot.fetched) > budget) continue
      const batch = takeFrom(slot, budget)
      budget -= queued - slot.fetched.queuedBytes
      if (batch !== undefined) batches.push(batch)
      slots.toTheEnd(slot)
      fetcher.wake(slot)
    }
    return batches
  }

  const failure = (): KafkaError | undefined => {
    for (const slot of slots.all())
      if (slot.failure !== undefined && !slot.paused && slot.fetched.chunks.length === 0) return slot.failure
    return undefined
  }

  const away: Reader["away"] = () => {
    let longest: Away | undefined
    for (const slot of slots.all()) {
      // What it has of the partition still can be read.
      if (slot.fetched.chunks.length === 0) longest = longer(longest, slot.absence.away)
    }
    return longest
  }

  const poll: Reader["poll"] = Effect.gen(function* () {
    for (;;) {
      if (over !== undefined) return yield* Effect.failCause(over)
      const batches = collect()
      if (batches.length > 0) return batches
      const failed = failure()
      if (failed !== undefined) return yield* failed
      yield* Queue.take(arrived)
    }
  })

  return {
    seek: (at, offset) => Effect.suspend(() => fetcher.start(slots.open(at, offset))),
    stop: ({ partition, topic }) => Effect.sync(() => slots.close(partitionId(topic, partition))),
    pause: ({ partition, topic }) =>
      Effect.sync(() => {
        const slot = slots.get(partitionId(topic, partition))
        if (slot !== undefined) slot.paused = true
      }),
    resume: ({ partition, topic }) =>
      Effect.sync(() => {
        const slot = slots.get(partitionId(topic, partition))
        if (slot === undefined) return
        slot.paused = false
        fetcher.wake(slot)
        Queue.offerUnsafe(arrived, undefined)
      }),
    poll,
    away
  }
})
