import { Clock, Effect, Result } from "effect"
import type { KafkaError } from "../errors.ts"
import { compactPiece, hasExpiredTombstones, indexKeys } from "./compaction.ts"
import type { Log } from "./log.ts"
import { retentionPiece } from "./retention.ts"
import type { State } from "./state.ts"
import type { Writer } from "./writer.ts"

/** Milliseconds. Kafka's default of `delete.retention.ms`. */
const defaultDeleteRetention = 24 * 60 * 60 * 1000
/** A piece of cleaning counts as a whole flush, so that others' requests come in between. */
const pieceWeight = 1_000_000
/** In the background a log is compacted when half of it is new (`min.cleanable.dirty.ratio`), but not for a handful. */
const dirtyRatio = 0.5
const dirtyRecords = 1000

export interface Cleaner {
  /** All topics, whether they need it or not. */
  readonly all: Effect.Effect<void, KafkaError>
  /** Those that need it. */
  readonly due: Effect.Effect<void, KafkaError>
}

export const make = (state: State, writer: Writer, deleteRetention = defaultDeleteRetention): Cleaner => {
  /** Piece by piece, each its own flush; `piece` answers where the next begins, or undefined at the end. */
  const walk = (log: Log, from: number, piece: (from: number) => number | undefined) =>
    Effect.gen(function* () {
      let at: number | undefined = from
      while (at !== undefined) {
        const begin: number = at
        at = yield* writer.submit(() => Result.succeed(log.deleted ? undefined : piece(begin)), pieceWeight)
      }
    })

  const compact = Effect.fnUntraced(function* (log: Log, now: number) {
    const keepUntil = now + deleteRetention
    // One pass per bounded set of keys; a last one without keys for tombstones that are due.
    while (log.cleaned < log.stable && !log.deleted) {
      const { end, newest } = yield* indexKeys(state.storage, log)
      yield* walk(log, log.first, (from) => compactPiece(state.storage, log, { from, end, newest, now, keepUntil }))
      yield* writer.submit(() => {
        log.cleaned = end
        state.storage.db.prepare("UPDATE logs SET cleaned = ? WHERE id = ?").run(end, log.id)
        return Result.void
      })
    }
    if (log.deleted || !hasExpiredTombstones(state.storage, log, now)) return
    const nothingNew = { end: log.cleaned, newest: new Map<string, number>(), now, keepUntil }
    yield* walk(log, log.first, (from) => compactPiece(state.storage, log, { from, ...nothingNew }))
  })

  const isDirty = ({ cleaned, first, stable }: Log) =>
    stable - cleaned >= dirtyRecords && stable - cleaned >= dirtyRatio * (stable - first)

  const cleanLog = (log: Log, force: boolean) =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const spec = state.topics.get(log.topic)?.spec
      if (spec === undefined) return
      if (spec.cleanup !== "delete" && (force || isDirty(log) || hasExpiredTombstones(state.storage, log, now))) {
        yield* compact(log, now)
      }
      const { retention } = spec
      if (spec.cleanup === "compact" || retention === undefined) return
      yield* walk(log, log.first, () => retentionPiece(state.storage, log, now - retention))
    })

  const clean = (force: boolean) =>
    Effect.suspend(() => Effect.forEach([...state.logs.values()], (log) => cleanLog(log, force), { discard: true }))
  return { all: clean(true), due: clean(false) }
}

/** In the background, on Effect's clock. */
export const every = (cleaner: Cleaner, milliseconds: number): Effect.Effect<never> =>
  Effect.forever(
    Effect.andThen(
      Effect.sleep(milliseconds),
      Effect.catch(cleaner.due, (error) => Effect.logError("Cleaning the log failed", error))
    )
  )
