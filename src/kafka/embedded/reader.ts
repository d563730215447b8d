import { Clock, Effect, Latch, Result } from "effect"
import type { Scope } from "effect"
import { Absence } from "../away.ts"
import { KafkaError } from "../errors.ts"
import type { Reader, ReaderOptions } from "../kafka.ts"
import { partitionId } from "../records.ts"
import type { Batch, TopicPartition } from "../records.ts"
import { reached, undecidedAt } from "../undecided.ts"
import type { Undecided } from "../undecided.ts"
import { persistent } from "./connection.ts"
import type { Connection } from "./connection.ts"
import type { Log } from "./log.ts"
import { findLog } from "./state.ts"
import type { State } from "./state.ts"

const defaultMaxBytes = 1024 * 1024
interface Reading {
  readonly at: TopicPartition
  position: number
  paused: boolean
  undecided: Undecided | undefined
  /** The log whose changes wake this reader, once the partition was found. */
  watched: Log | undefined
}

const outOfRange = (log: Log, position: number) => {
  const { end, first, partition, topic } = log
  const message = `${topic}/${partition}: offset ${position} is not in the log, which has ${first} to ${end}`
  return new KafkaError({ reason: "OffsetOutOfRange", message, topic, partition })
}

/** A topic of the same name that is there now is another one. */
const deleted = ({ partition, topic }: TopicPartition) =>
  new KafkaError({ reason: "TopicMissing", message: `topic ${topic} was deleted`, topic, partition })

const closed = new KafkaError({ reason: "Closed", message: "the reader was closed" })

/** Reading throws what is wrong with the stored bytes; everything else thrown is a defect. */
export const readStored = <A>(read: () => A): Effect.Effect<A, KafkaError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(read())
    } catch (cause) {
      return cause instanceof KafkaError ? Effect.fail(cause) : Effect.die(cause)
    }
  })

export const make = (
  state: State,
  connection: Connection,
  { isolation = "committed", maxBytes = defaultMaxBytes }: ReaderOptions
): Effect.Effect<Reader, never, Scope.Scope> =>
  Effect.gen(function* () {
    const committed = isolation === "committed"
    const readings = new Map<string, Reading>()
    const changed = Latch.makeUnsafe(false)
    const wake = () => {
      changed.openUnsafe()
    }
    const clock = yield* Clock.Clock
    const absence = new Absence(clock)
    let turn = 0
    let over = false

    const find = (reading: Reading): Log => {
      if (reading.watched !== undefined) {
        if (reading.watched.deleted) throw deleted(reading.at)
        return reading.watched
      }
      const log = Result.getOrThrowWith(findLog(state, reading.at), (error) => error)
      reading.watched = log
      log.watchers.add(wake)
      return log
    }

    /** What is there now: at most one batch per partition, the partitions taking turns to be first. */
    const collect = (): ReadonlyArray<Batch> => {
      const active = [...readings.values()].filter((reading) => !reading.paused)
      const batches: Array<Batch> = []
      let left = maxBytes
      const ready: Array<readonly [Reading, Log, number]> = []
      for (let i = 0; i < active.length; i++) {
        const reading = active[(i + turn) % active.length]!
        const log = find(reading)
        if (reading.position < log.first || reading.position > log.end) throw outOfRange(log, reading.position)
        const end = committed ? log.stable : log.end
        reading.undecided = undecidedAt(
          reading.undecided,
          { offset: end, end: log.end },
          clock.currentTimeMillisUnsafe()
        )
        if (reading.position < end) ready.push([reading, log, end])
      }
      turn++
      for (let i = 0; i < ready.length; i++) {
        const [reading, log, end] = ready[i]!
        const share = left / (ready.length - i)
        const { bytes, next, records } = state.storage.read(log, reading.position, {
          to: end,
          budget: share,
          must: batches.length === 0,
          committed
        })
        if (next === reading.position) continue
        const fromOffset = reading.position
        reading.position = next
        left = Math.max(0, left - bytes)
        batches.push({
          topic: log.topic,
          partition: log.partition,
          records,
          fromOffset,
          nextOffset: next,
          endOffset: end
        })
      }
      return batches
    }

    const read = readStored(collect)
    const attempt = Effect.suspend(() => {
      changed.closeUnsafe()
      if (connection.isPlain) return read
      const subjects = [...new Set([...readings.values()].map((reading) => reading.at.topic))]
      // What is read must not be taken before the client can hear of it.
      return Effect.andThen(connection.perform({ kind: "fetch", subjects }, Effect.void), read)
    })
    const fetch = persistent(absence, attempt)

    const poll: Reader["poll"] = Effect.gen(function* () {
      for (;;) {
        if (over) return yield* closed
        const batches = yield* fetch
        if (batches.length > 0) return batches
        yield* changed.await
      }
    })

    const stop = (id: string) => {
      const watched = readings.get(id)?.watched
      readings.delete(id)
      watched?.watchers.delete(wake)
    }
    const setPaused = (at: TopicPartition, paused: boolean) =>
      Effect.sync(() => {
        const reading = readings.get(partitionId(at.topic, at.partition))
        if (reading === undefined) return
        reading.paused = paused
        wake()
      })

    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        over = true
        for (const id of readings.keys()) stop(id)
        wake()
      })
    )
    return {
      seek: (at, offset) =>
        Effect.sync(() => {
          const id = partitionId(at.topic, at.partition)
          const paused = readings.get(id)?.paused ?? false
          stop(id)
          readings.set(id, { at, position: offset, paused, undecided: undefined, watched: undefined })
          wake()
        }),
      stop: (at) => Effect.sync(() => stop(partitionId(at.topic, at.partition))),
      pause: (at) => setPaused(at, true),
      resume: (at) => setPaused(at, false),
      poll,
      away: () => absence.away,
      undecided: (at) => {
        const reading = readings.get(partitionId(at.topic, at.partition))
        return reading && reached(reading.undecided, reading.position)
      }
    }
  })
