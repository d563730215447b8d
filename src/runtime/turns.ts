import type { Effect, Fiber } from "effect"
import type { Ending, Outcome } from "./attempt.ts"
import type { Emitted } from "./collect.ts"
import { complete } from "./completion.ts"
import { perform } from "./perform.ts"
import { Run } from "./run.ts"
import type { Performance, Place } from "./run.ts"
import { nextTask } from "./task.ts"

/** What a turn needs of its replica. */
export interface Surroundings {
  readonly performance: Performance
  /** Whole milliseconds since the epoch. */
  readonly time: () => number
  /** A handler is about to run. */
  readonly started: () => void
  /** These records are to be settled. */
  readonly emitted: (records: ReadonlyArray<Emitted>) => void
  /** A turn is over, at `now`. Without an ending: a timer was skipped. */
  readonly finished: (at: Place, now: number, ended: Ended | undefined) => void
  readonly escalated: (key: string, message: string) => Effect.Effect<void>
}

/** How a turn ended, and how long its handler took in milliseconds. */
export interface Ended {
  readonly ending: Ending["_tag"]
  readonly millis: number
}

/**
 * One task of a key, in two halves with the handler between them. Both are plain code: they are what every message pays for. They
 * throw by a defect of the machinery only.
 */
export interface Turns {
  /** Chooses the task; the run and its handler's effect, which never fails. None where there is nothing to run. */
  readonly begin: (at: Place, worker: Fiber.Fiber<unknown, unknown>) => Begun | undefined
  /** Takes the outcome; what is left to do about it, where it is not plain. */
  readonly end: (run: Run, outcome: Outcome) => Effect.Effect<void> | undefined
}

export interface Begun {
  readonly run: Run
  readonly effect: Effect.Effect<Outcome, never, unknown>
}

export const make = (around: Surroundings): Turns => ({
  begin: (at, worker) => {
    const { cell, partition } = at
    const { unsettled } = partition
    const now = around.time()
    const task = nextTask(partition, cell, now)
    if (task === undefined) {
      // A timer may have been skipped: that has to be settled.
      if (partition.unsettled > unsettled) around.finished(at, now, undefined)
      return undefined
    }
    const isLate = cell.timedOut === task
    cell.timedOut = undefined
    around.started()
    const run = new Run(around.performance, at, { task, since: now, fiber: worker }, isLate)
    partition.started(cell, run)
    return { run, effect: perform(run) }
  },
  end: (run, outcome) => {
    const { at, since, task } = run
    const { cell, partition } = at
    const now = around.time()
    if (partition.phase === "over") {
      partition.stopped(cell)
      return undefined
    }
    if (outcome.ending._tag === "Escalate") {
      partition.stopped(cell)
      return around.escalated(cell.key, `${run.idempotencyKey}: ${outcome.ending.cause}`)
    }
    if (outcome.emitted.length > 0) around.emitted(outcome.emitted)
    complete(partition, cell, task, outcome, now)
    // Only now: a drain that waits for the last handler goes on at once, and settles what is there.
    partition.stopped(cell)
    around.finished(at, now, { ending: outcome.ending._tag, millis: now - since })
    return undefined
  }
})
