import { Duration, Effect } from "effect"
import { statusLatestTopic, statusTopic } from "../actor/status.ts"
import type { KafkaError } from "../kafka/errors.ts"
import { Kafka } from "../kafka/kafka.ts"
import type { KafkaRecord } from "../kafka/records.ts"
import { Channels } from "./channels.ts"
import type { Position } from "./cursor.ts"
import { Feed } from "./feed.ts"
import { encodeFrame } from "./frames.ts"
import { Scans } from "./scans.ts"
import type { ScanRequest } from "./scans.ts"
import { decodeStatus, identity, statusFrame } from "./status.ts"
import type { Status } from "./status.ts"
import type { Subscription } from "./subscription.ts"

/** Where to begin: nothing can have been reported yet; the newest of each (kind, id); after a cursor. */
export type Start = "fresh" | "newest" | Position

/** How long a scan that others wait for as well waits for one slow reader: at a time, and in all. Milliseconds. */
const patience = { once: 5_000, inAll: 10_000 }
/** Between a failure of the broker and the next try. */
const pause = "1 second"
/** Different (kind, id) of one channel that are kept for it; of more, the newest. */
const latestLimit = 10_000

const everything = -1

/**
 * Follows a channel until interrupted. `subscribed` is called as soon as nothing that comes can be missed, with where that is.
 *
 * Resuming: join, read back from the cursor to where the feed stood, then release what was held back. Newest: see `newest`. Whoever
 * falls behind gets `gap` and the newest, once it has read what waited.
 */
export const follow = Effect.fnUntraced(function* (
  sub: Subscription,
  start: Start,
  subscribed: (position: Position) => Effect.Effect<void>
) {
  yield* Effect.catch(begin(sub, start, subscribed), giveUp(sub))
  for (;;) {
    yield* sub.fellBehind.await
    yield* sub.outlet.drained
    sub.outlet.send(encodeFrame({ type: "gap", channel: sub.channel }))
    const { offset, partition } = sub.join("holding")
    yield* Effect.catch(newest(sub, { partition, offset, latest: everything }, offset), giveUp(sub))
  }
})

const giveUp = (sub: Subscription) =>
  Effect.fnUntraced(function* (error: KafkaError) {
    yield* Effect.logWarning(`statuses of a channel cannot be read back: ${error.message}`)
    yield* Effect.sleep(pause)
    sub.fallBehind()
  })

const begin = Effect.fnUntraced(function* (
  sub: Subscription,
  start: Start,
  subscribed: (position: Position) => Effect.Effect<void>
) {
  if (start === "fresh") return void sub.join("live")
  const { offset, partition } = sub.join("holding")
  const position = start === "newest" ? { partition, offset, latest: everything } : start
  // At once: what is below may come from the feed while the broker is still asked.
  sub.from = position.offset
  yield* subscribed(position)
  return yield* position.latest === undefined ? resume(sub, position, offset) : newest(sub, position, offset)
})

const at = (topic: string, partition: number) => ({ topic, partition })

/** From the cursor to `joined`, out of the log as it is read; then what was held back since. */
const resume = Effect.fnUntraced(function* (sub: Subscription, position: Position, joined: number) {
  const { offset: from, partition } = position
  if (from > joined) {
    // Another process had read further. Further than the end, though, was another log.
    const end = yield* Kafka.use(({ topics }) => topics.endOffset(at(statusTopic.name, partition)))
    if (from > end) return sub.fallBehind()
  } else if (from < joined) {
    const { encodeCursor } = yield* Channels
    const send = (status: Status) =>
      sub.outlet.write(statusFrame(encodeCursor, sub.channel, status.json, { partition, offset: status.offset + 1 }))
    let left = patience.inAll
    const drained = Effect.gen(function* () {
      const duration = Math.min(patience.once, left)
      const [waited] = yield* Effect.timed(
        Effect.timeoutOrElse(sub.outlet.drained, { duration, orElse: () => drop(sub) })
      )
      left -= Duration.toMillis(waited)
    })
    const take = Effect.fnUntraced(function* (records: ReadonlyArray<KafkaRecord>) {
      for (const status of decoded(records)) {
        if (sub.outlet.isFull) yield* drained
        if (sub.mode !== "holding") return
        send(status)
      }
    })
    yield* scan(sub, { ...at(statusTopic.name, partition), channel: sub.channel, from, to: joined, take })
  }
  yield* release(sub)
})

/**
 * The newest of each (kind, id), then everything from `position.offset` on; between them no hole, and nothing twice.
 *
 * Whatever was settled below the offset is in `status-latest` as of now, but so may be what came after it, which is to
 * come from the feed as well. It is known there by its bytes and time, so the feed is read until it must have brought all that
 * was seen, and those are left out of the newest.
 */
const newest = Effect.fnUntraced(function* (sub: Subscription, position: Position, joined: number) {
  const { latest = everything, offset: from, partition } = position
  const [{ topics }, feed, { encodeCursor }] = [yield* Kafka, yield* Feed, yield* Channels]
  const early = from < joined ? yield* readBack(sub, position, joined) : []
  yield* feed.settled
  const found = yield* readLatest(sub, partition, yield* topics.endOffset(at(statusLatestTopic.name, partition)))
  yield* feed.passed(partition, yield* topics.endOffset(at(statusTopic.name, partition)))
  const coming = new Set([...early, ...sub.holding].map(identity))
  const due = found.filter((status) => status.offset > latest && !coming.has(identity(status)))
  for (const [index, status] of due.entries()) {
    // A cursor in the middle brings the rest of them; the last one's, what comes after.
    const rest = index === due.length - 1 ? {} : { latest: status.offset }
    yield* send(sub, statusFrame(encodeCursor, sub.channel, status.json, { partition, offset: from, ...rest }))
  }
  for (const { json, offset } of early) {
    yield* send(sub, statusFrame(encodeCursor, sub.channel, json, { partition, offset: offset + 1 }))
  }
  yield* release(sub)
})

/** In order of their offsets. A status replaces the one before of its kind and id. */
const readLatest = Effect.fnUntraced(function* (sub: Subscription, partition: number, to: number) {
  const found = new Map<string, Status>()
  const take = (records: ReadonlyArray<KafkaRecord>) =>
    Effect.sync(() => {
      for (const record of records) {
        const key = Buffer.from(record.key!).toString("latin1")
        found.delete(key)
        const status = decodeStatus(record)
        if (status !== undefined) found.set(key, status)
        if (found.size > latestLimit) found.delete(found.keys().next().value!)
      }
    })
  yield* scan(sub, { ...at(statusLatestTopic.name, partition), channel: sub.channel, from: "begin", to, take })
  return [...found.values()]
})

/** Of a channel that was being sent its newest when its client left: what has come since then. */
const readBack = Effect.fnUntraced(function* (sub: Subscription, { offset, partition }: Position, to: number) {
  const found: Array<Status> = []
  const take = (records: ReadonlyArray<KafkaRecord>) =>
    Effect.sync(() => {
      found.push(...decoded(records))
      if (found.length > latestLimit) sub.fallBehind()
    })
  yield* scan(sub, { ...at(statusTopic.name, partition), channel: sub.channel, from: offset, to, take })
  return found
})

const decoded = (records: ReadonlyArray<KafkaRecord>) => records.flatMap((record) => decodeStatus(record) ?? [])

const drop = (sub: Subscription) => Effect.sync(() => sub.fallBehind())

const scan = (sub: Subscription, request: ScanRequest) =>
  Effect.flatMap(
    Scans.use(({ scan }) => scan(request)),
    (scanned) => (scanned === "too-old" ? drop(sub) : Effect.void)
  )

/** Waits for a slow reader; sends nothing of a subscription that has dropped something meanwhile. */
const send = (sub: Subscription, frame: Buffer) =>
  Effect.map(sub.outlet.isFull ? sub.outlet.drained : Effect.void, () => {
    if (sub.isWhole) sub.outlet.write(frame)
  })

const release = Effect.fnUntraced(function* (sub: Subscription) {
  for (;;) {
    if (sub.outlet.isFull) yield* sub.outlet.drained
    const status = sub.release()
    if (status === undefined) return
    sub.outlet.write(status.frame)
  }
})
