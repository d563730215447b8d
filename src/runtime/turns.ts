import { Effect } from "effect"
import type { Fiber } from "effect"
import type { Ending, Outcome } from "./attempt.ts"
import type { Cell } from "./cell.ts"
import type { Emitted } from "./collect.ts"
import { complete } from "./completion.ts"
import { idempotencyKey } from "./identity.ts"
import type { Partition } from "./partition.ts"
import { perform } from "./perform.ts"
import type { Performance } from "./perform.ts"
import { Run } from "./run.ts"
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
  /** A turn is over at `now`, however; without an ending: its partition is, or there was nothing to run. */
  readonly finished: (
    partition: Partition,
    cell: Cell,
    ending: Ending["_tag"] | undefined,
    now: number,
    millis: number
  ) => void
  readonly escalated: (message: string) => Effect.Effect<void>
}

/**
 * One task of a key, from the choice to the completion; none where there is nothing to run. It fails by a defect of the machinery
 * only. All but the handler is plain code: what is done for each message is done here.
 */
export const make = (around: Surroundings) => {
  const end = (partition: Partition, cell: Cell, run: Run, outcome: Outcome): Effect.Effect<void> => {
    const now = around.time()
    partition.stopped(cell)
    if (partition.phase === "over") return Effect.void
    const { task } = run
    if (outcome.ending._tag === "Escalate") {
      return around.escalated(`${idempotencyKey(partition, cell, task)}: ${outcome.ending.cause}`)
    }
    if (outcome.emitted.length > 0) around.emitted(outcome.emitted)
    complete(partition, cell, task, outcome, now)
    around.finished(partition, cell, outcome.ending._tag, now, now - run.since)
    return Effect.void
  }

  return (
    partition: Partition,
    cell: Cell,
    worker: Fiber.Fiber<unknown, unknown>
  ): Effect.Effect<void, never, unknown> | undefined => {
    const { unsettled } = partition
    const now = around.time()
    const task = nextTask(partition, cell, now)
    if (task === undefined) {
      // A timer may have been skipped: that has to be settled.
      if (partition.unsettled > unsettled) around.finished(partition, cell, undefined, now, 0)
      return undefined
    }
    const timedOut = cell.timedOut === task
    cell.timedOut = undefined
    around.started()
    const run = new Run(partition, cell, task, now, worker)
    partition.started(cell, run)
    return Effect.flatMap(perform(around.performance, run, timedOut), (outcome) => end(partition, cell, run, outcome))
  }
}
