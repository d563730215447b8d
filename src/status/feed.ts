import { Context, Deferred, Effect, Latch, Layer, Schedule } from "effect"
import type { Scope } from "effect"
import { statusLatestTopic, statusTopic } from "../actor/status.ts"
import type { KafkaError } from "../kafka/errors.ts"
import { Kafka } from "../kafka/kafka.ts"
import type { Reader } from "../kafka/kafka.ts"
import { partitionFor } from "../kafka/partitioner.ts"
import type { Batch } from "../kafka/records.ts"
import { Channels } from "./channels.ts"
import { decodeKey, decodeStatus, statusFrame } from "./status.ts"
import type { Status } from "./status.ts"

/** A status with its frame, the same for everyone who follows the channel. */
export interface LiveStatus extends Status {
  readonly frame: Buffer
}

/** Who follows a channel. Called while a batch is handed out: must neither wait nor throw, and may leave but not join. */
export interface Follower {
  deliver(status: LiveStatus): void
  /** The feed had to begin anew: some statuses never came. */
  lost(): void
}

const encoder = new TextEncoder()

/** A channel's partition of `status` and `status-latest`. */
export const channelPartition = (channel: string): number =>
  partitionFor(encoder.encode(channel), statusTopic.partitions)

interface Waiting {
  readonly partition: number
  readonly offset: number
  readonly passed: Deferred.Deferred<void>
}

/** Followers and positions. All of it changes in one step with what was handed out: who joins gets everything from then on. */
class FanOut {
  readonly positions: Array<number> = []
  private readonly channels = new Map<string, Set<Follower>>()
  private readonly encode: Channels["Service"]["encodeCursor"]
  private waiting: Array<Waiting> = []

  constructor(encode: Channels["Service"]["encodeCursor"]) {
    this.encode = encode
  }

  join(channel: string, follower: Follower): void {
    const followers = this.channels.get(channel)
    if (followers === undefined) this.channels.set(channel, new Set([follower]))
    else followers.add(follower)
  }

  leave(channel: string, follower: Follower): void {
    const followers = this.channels.get(channel)
    if (followers?.delete(follower) && followers.size === 0) this.channels.delete(channel)
  }

  handOut({ nextOffset, partition, records }: Batch): void {
    for (const record of records) {
      const channel = decodeKey(record.key)
      const followers = this.channels.get(channel)
      if (followers === undefined) continue
      const status = decodeStatus(record)
      if (status === undefined) continue
      const frame = statusFrame(this.encode, channel, status.json, { partition, offset: status.offset + 1 })
      const live = { ...status, frame }
      for (const follower of followers) follower.deliver(live)
    }
    this.moveTo(partition, nextOffset)
  }

  moveTo(partition: number, offset: number): void {
    this.positions[partition] = offset
    if (this.waiting.length === 0) return
    const isOver = (each: Waiting) => each.partition === partition && each.offset <= offset
    for (const each of this.waiting) if (isOver(each)) Deferred.doneUnsafe(each.passed, Effect.void)
    this.waiting = this.waiting.filter((each) => !isOver(each))
  }

  passed(partition: number, offset: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      if ((this.positions[partition] ?? 0) >= offset) return Effect.void
      const each = { partition, offset, passed: Deferred.makeUnsafe<void>() }
      this.waiting.push(each)
      return Effect.onInterrupt(Deferred.await(each.passed), () =>
        Effect.sync(() => {
          this.waiting = this.waiting.filter((other) => other !== each)
        })
      )
    })
  }

  lost(): void {
    // Those of now: whoever is told may join again at once.
    const all = [...this.channels.values()].flatMap((followers) => [...followers])
    for (const follower of all) follower.lost()
  }
}

const partitions = Array.from({ length: statusTopic.partitions }, (_, partition) => partition)
const at = (partition: number) => ({ topic: statusTopic.name, partition })

/**
 * Begins at the end of every partition, and answers where that is. One record early: the reader passes the end only when every
 * transaction before it has ended, so what lies behind its position is settled for good.
 */
const seekEnd = Effect.fnUntraced(function* (reader: Reader, fanOut: FanOut) {
  const { topics } = yield* Kafka
  return yield* Effect.forEach(
    partitions,
    Effect.fnUntraced(function* (partition) {
      const [begin, end] = yield* Effect.all([topics.beginOffset(at(partition)), topics.endOffset(at(partition))])
      const start = Math.max(begin, end - 1)
      yield* reader.seek(at(partition), start)
      fanOut.moveTo(partition, start)
      return end
    }),
    { concurrency: "unbounded" }
  )
})

const handOutForEver = (reader: Reader, fanOut: FanOut) =>
  Effect.forever(
    Effect.flatMap(reader.poll, (batches) =>
      Effect.sync(() => {
        for (const batch of batches) fanOut.handOut(batch)
      })
    )
  )

/** Broken reading is begun again at the end; whoever follows is told, and gets the newest of each. */
const patiently = Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("10 seconds")])

/** The one reader of the `status` topic in this process. */
export class Feed extends Context.Service<
  Feed,
  {
    /** From this very moment the follower gets every status of the channel. Answers where the feed stands. */
    join(channel: string, follower: Follower): { readonly partition: number; readonly offset: number }
    leave(channel: string, follower: Follower): void
    /** The next offset to be handed out. */
    position(partition: number): number
    /** Waits until everything below the offset has been handed out. */
    passed(partition: number, offset: number): Effect.Effect<void>
    /** Waits until everything behind the feed's positions is settled: committed, or aborted. */
    readonly settled: Effect.Effect<void>
  }
>()("sixfold/status/Feed") {
  static readonly layer: Layer.Layer<Feed, KafkaError, Kafka | Channels> = Layer.effect(
    Feed,
    Effect.gen(function* () {
      const kafka = yield* Kafka
      const fanOut = new FanOut((yield* Channels).encodeCursor)
      const settled = Latch.makeUnsafe()
      yield* kafka.topics.ensure([statusTopic, statusLatestTopic])

      /** Reads from the end on; when it is under way, `begun`. */
      const run = (begun: Effect.Effect<void>): Effect.Effect<never, KafkaError, Scope.Scope | Kafka> =>
        Effect.gen(function* () {
          const reader = yield* kafka.reader()
          const ends = yield* seekEnd(reader, fanOut)
          yield* begun
          const settle = Effect.forEach(ends, (end, partition) => fanOut.passed(partition, end))
          yield* Effect.forkScoped(Effect.andThen(settle, settled.open))
          return yield* handOutForEver(reader, fanOut)
        })

      const again = Effect.scoped(run(Effect.sync(() => fanOut.lost()))).pipe(
        Effect.tapError((error) => Effect.logError("statuses cannot be read; trying again", error)),
        Effect.retry(patiently)
      )
      const begun = yield* Deferred.make<void, KafkaError>()
      const first = Effect.scoped(run(Effect.asVoid(Deferred.succeed(begun, undefined)))).pipe(
        Effect.tapError((error) => Deferred.fail(begun, error)),
        Effect.catch((error) =>
          Effect.andThen(
            Effect.logError("statuses cannot be read; beginning anew", error),
            Effect.andThen(settled.close, again)
          )
        )
      )
      yield* Effect.forkScoped(first)
      yield* Deferred.await(begun)
      return {
        join: (channel, follower) => {
          fanOut.join(channel, follower)
          const partition = channelPartition(channel)
          return { partition, offset: fanOut.positions[partition]! }
        },
        leave: (channel, follower) => fanOut.leave(channel, follower),
        position: (partition) => fanOut.positions[partition]!,
        passed: (partition, offset) => fanOut.passed(partition, offset),
        settled: settled.await
      }
    })
  )
}
