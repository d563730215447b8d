import { Clock, Effect, Latch } from "effect"
import { DueHeap } from "../store/heap.ts"
import type { DueItem, Partition } from "./partition.ts"

/** The clock may have jumped: due times are looked at at least so often, in milliseconds. */
const longestSleep = 60_000
/** Due times ring in rounds this many milliseconds apart, in each at most so many for a partition: what was missed is spread out. */
const round = 100
const mostInRound = 500
/** Of a heap this large, what no longer holds is thrown out once it is half of it. */
const sweepFrom = 4_096

/** Wakes keys whose time has come. */
export interface Alarm {
  /** A key of a partition will have something to do. */
  readonly expect: (item: DueItem) => void
  /** The settler wants to look again at this time (milliseconds since the epoch). */
  readonly lookAgain: (at: number) => void
  /** Ownership of a partition is over: nothing of it rings any more. */
  readonly forget: (partition: Partition) => void
  /** Due times in memory, also those that no longer hold. */
  readonly size: () => number
  readonly run: Effect.Effect<never>
}

/**
 * One heap of due times for all partitions. What many keys wait for at once (an outage, midnight) rings in due order but a
 * bounded number at a time, and only while `crowded` says that keys are taken as fast: messages of the inbox flow on between.
 */
export const make = Effect.fnUntraced(function* (around: {
  readonly partitions: () => number
  readonly crowded: () => boolean
  readonly look: () => void
}) {
  const clock = yield* Clock.Clock
  const heap = new DueHeap<DueItem>()
  const changed = yield* Latch.make(false)
  let [lookAt, sweepAt] = [Infinity, sweepFrom]
  let [roundEnd, left] = [0, 0]

  const ring = (now: number) => {
    // The clock may have gone back: a round never lasts longer than it should.
    if (now >= roundEnd || roundEnd - now > round) {
      roundEnd = now + round
      left = mostInRound * Math.max(1, around.partitions())
    }
    for (; left > 0 && !around.crowded(); left--) {
      const item = heap.popDue(now)
      if (item === undefined) return
      item.partition.ring(item)
    }
  }

  const run = Effect.gen(function* () {
    yield* changed.close
    const now = Math.floor(clock.currentTimeMillisUnsafe())
    ring(now)
    if (lookAt <= now) {
      lookAt = Infinity
      around.look()
    }
    const due = heap.peek()?.due ?? Infinity
    const next = Math.min(due <= now ? roundEnd : due, lookAt)
    if (next === Infinity) return yield* changed.await
    yield* Effect.timeoutOption(changed.await, Math.min(Math.max(1, next - now), longestSleep))
  })

  const alarm: Alarm = {
    expect: (item) => {
      heap.push(item)
      if (heap.size >= sweepAt) {
        heap.retain((item) => item.partition.awaits(item))
        sweepAt = Math.max(sweepFrom, heap.size * 2)
      }
      if (heap.peek() === item) changed.openUnsafe()
    },
    lookAgain: (at) => {
      if (at >= lookAt) return
      lookAt = at
      changed.openUnsafe()
    },
    forget: (partition) => {
      heap.retain((item) => item.partition !== partition)
    },
    size: () => heap.size,
    run: Effect.forever(run)
  }
  return alarm
})
