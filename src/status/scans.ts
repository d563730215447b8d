import { Cause, Context, Deferred, Effect, Layer, Option, Scope, Semaphore } from "effect"
import { KafkaError } from "../kafka/errors.ts"
import { Kafka } from "../kafka/kafka.ts"
import { partitionId } from "../kafka/records.ts"
import type { Batch, KafkaRecord, TopicPartition } from "../kafka/records.ts"
import { decodeKey } from "./status.ts"

/** What one subscription needs read of a partition. */
export interface ScanRequest extends TopicPartition {
  readonly channel: string
  /** The first offset; "begin": whatever is left. */
  readonly from: number | "begin"
  /** One past the last. */
  readonly to: number
  /** The channel's records of one batch, in order. May wait: the scan waits with it. */
  take(records: ReadonlyArray<KafkaRecord>): Effect.Effect<void>
}

/** "too-old": records from `from` on are gone already, and nothing was taken or something is missing. */
export type Scanned = "done" | "too-old"

interface Waiting {
  readonly request: ScanRequest
  readonly done: Deferred.Deferred<Scanned, KafkaError>
  isGone: boolean
}

/** Scans under way at once. */
const concurrency = 4
/** A scan that brings nothing for so long fails: its end is known to be there. */
const noProgress = "60 seconds"

/** The channel of a key: a `status-latest` key goes on with `/kind/id`, a `status` key does not. */
const channelOf = (key: Uint8Array | null): string => decodeKey(key).split("/", 1)[0]!

const select = ({ channel, from, to }: ScanRequest, byChannel: ReadonlyMap<string, ReadonlyArray<KafkaRecord>>) =>
  byChannel.get(channel)?.filter(({ offset }) => offset >= (from === "begin" ? 0 : from) && offset < to) ?? []

const group = (batch: Batch, wanted: ReadonlySet<string>) => {
  const found = new Map<string, Array<KafkaRecord>>()
  for (const record of batch.records) {
    const channel = channelOf(record.key)
    if (!wanted.has(channel)) continue
    const records = found.get(channel)
    if (records === undefined) found.set(channel, [record])
    else records.push(record)
  }
  return found
}

const stalled = ({ partition, topic }: TopicPartition) =>
  new KafkaError({
    reason: "Unavailable",
    message: `${topic}/${partition} brought nothing for a minute`,
    topic,
    partition
  })

/** One pass over a partition for everyone who waits: from the lowest offset to the highest, each taking its own. */
const pass = Effect.fnUntraced(function* (
  kafka: Kafka["Service"],
  partition: TopicPartition,
  all: ReadonlyArray<Waiting>
) {
  const begin = yield* kafka.topics.beginOffset(partition)
  const isTooOld = ({ request: { from } }: Waiting) => from !== "begin" && from < begin
  for (const each of all) if (isTooOld(each)) yield* Deferred.succeed(each.done, "too-old")
  let left = all.filter((each) => !isTooOld(each) && !each.isGone)
  const from = Math.min(...left.map(({ request }) => (request.from === "begin" ? begin : request.from)))
  const wanted = new Set(left.map(({ request }) => request.channel))
  const finish = Effect.fnUntraced(function* (position: number) {
    for (const { done, request } of left) if (request.to <= position) yield* Deferred.succeed(done, "done")
    left = left.filter(({ isGone, request }) => request.to > position && !isGone)
  })
  yield* finish(from)
  if (left.length === 0) return
  const reader = yield* kafka.reader()
  yield* reader.seek(partition, from)
  const poll = Effect.timeoutOrElse(reader.poll, {
    duration: noProgress,
    orElse: () => Effect.fail(stalled(partition))
  })
  while (left.length > 0) {
    for (const batch of yield* poll) {
      const byChannel = group(batch, wanted)
      yield* Effect.forEach(
        left,
        ({ isGone, request }) => {
          const records = isGone ? [] : select(request, byChannel)
          return records.length > 0 ? request.take(records) : Effect.void
        },
        // Those who wait wait beside each other.
        { concurrency: "unbounded", discard: true }
      )
      yield* finish(batch.nextOffset)
    }
  }
}, Effect.scoped)

/** Tells whoever was left when a scan broke: what was to be read is gone by now, or cannot be had. */
const tell = (all: ReadonlyArray<Waiting>) => (cause: Cause.Cause<KafkaError>) =>
  Effect.forEach(all, ({ done }) => {
    const error = Option.getOrUndefined(Cause.findErrorOption(cause))
    return error?.reason === "OffsetOutOfRange" ? Deferred.succeed(done, "too-old") : Deferred.failCause(done, cause)
  })

/**
 * Reads back in the log for subscriptions. Requests for the same partition that come while it is being read wait, and are then
 * served by one pass: a storm of reconnects costs a pass or two per partition.
 */
export class Scans extends Context.Service<
  Scans,
  {
    scan(request: ScanRequest): Effect.Effect<Scanned, KafkaError>
  }
>()("sixfold/status/Scans") {
  static readonly layer: Layer.Layer<Scans, never, Kafka> = Layer.effect(
    Scans,
    Effect.gen(function* () {
      const kafka = yield* Kafka
      const scope = yield* Scope.Scope
      const permits = yield* Semaphore.make(concurrency)
      const queues = new Map<string, Array<Waiting>>()

      const serve = Effect.fnUntraced(function* (id: string, partition: TopicPartition) {
        for (;;) {
          const all = queues.get(id)!
          if (all.length === 0) break
          queues.set(id, [])
          yield* permits.withPermit(pass(kafka, partition, all)).pipe(Effect.catchCause(tell(all)))
        }
        queues.delete(id)
      })

      return {
        scan: Effect.fnUntraced(function* (request) {
          const id = partitionId(request.topic, request.partition)
          const each: Waiting = { request, done: yield* Deferred.make<Scanned, KafkaError>(), isGone: false }
          const queue = queues.get(id)
          if (queue === undefined) {
            queues.set(id, [each])
            yield* Effect.forkIn(serve(id, request), scope)
          } else {
            queue.push(each)
          }
          return yield* Effect.onInterrupt(Deferred.await(each.done), () =>
            Effect.sync(() => {
              each.isGone = true
            })
          )
        })
      }
    })
  )
}
