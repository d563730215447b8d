import { Cause, Clock, Effect, Queue } from "effect"
import type { Scope } from "effect"
import { longer } from "../away.ts"
import type { Away } from "../away.ts"
import { KafkaError } from "../errors.ts"
import type { Reader, ReaderOptions } from "../kafka.ts"
import { partitionId } from "../records.ts"
import type { Batch, KafkaRecord } from "../records.ts"
import { reached } from "../undecided.ts"
import { CorruptBatch } from "./batch-decoder.ts"
import type { Connections } from "./connections.ts"
import { make as makeFetcher } from "./fetcher.ts"
import * as Fetched from "./fetched.ts"
import type { Metadata } from "./metadata.ts"
import type { Settings } from "./settings.ts"
import { make as makeSlots } from "./slots.ts"

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

  /** What there is, in turn: a partition that gave something waits behind the others. */
  const collect = (): ReadonlyArray<Batch> => {
    const batches: Array<Batch> = []
    let budget = maxBytes
    for (const slot of slots.all()) {
      if (budget <= 0) break
      const { fetched, partition, paused, topic } = slot
      if (paused || fetched.chunks.length === 0) continue
      const records: Array<KafkaRecord> = []
      const fromOffset = fetched.takeOffset
      try {
        // Only the first record of a poll may go beyond the budget.
        budget -= Fetched.take(fetched, committed, budget, batches.length === 0, records)
      } catch (error) {
        if (!(error instanceof CorruptBatch)) throw error
        slot.failure = Fetched.corruption(slot, error)
        fetched.chunks.length = 0
        fetched.queuedBytes = 0
        budget = 0
      }
      fetcher.wake(slot)
      const { endOffset, takeOffset: nextOffset } = fetched
      if (nextOffset === fromOffset) continue
      batches.push({ topic, partition, records, fromOffset, nextOffset, endOffset })
      slots.toTheEnd(slot)
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
    away,
    undecided: ({ partition, topic }) => {
      const fetched = slots.get(partitionId(topic, partition))?.fetched
      return fetched && reached(fetched.undecided, fetched.takeOffset)
    }
  }
})
