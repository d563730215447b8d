import { Effect } from "effect"
import type { Fiber } from "effect"
import type { Ending } from "./attempt.ts"
import type { Cell } from "./cell.ts"
import { complete } from "./completion.ts"
import { idempotencyKey } from "./identity.ts"
import type { Partition } from "./partition.ts"
import { perform } from "./perform.ts"
import type { Performance } from "./perform.ts"
import { nextTask } from "./task.ts"

/** What a turn needs of its replica. */
export interface Surroundings {
  readonly performance: Performance
  /** Whole milliseconds since the epoch. */
  readonly time: () => number
  /** A handler is about to run. */
  readonly started: () => void
  /** A turn is over, however; without an ending: its partition is. */
  readonly finished: (partition: Partition, cell: Cell, ending: Ending["_tag"] | undefined, millis: number) => void
  readonly escalated: (message: string) => Effect.Effect<void>
}

/** One task of a key, from the choice to the completion. It fails by a defect of the machinery only. */
export const make = ({ escalated, finished, performance, started, time }: Surroundings) =>
  Effect.fnUntraced(function* (partition: Partition, cell: Cell, worker: Fiber.Fiber<unknown, unknown>) {
    const unsettled = partition.unsettled
    const task = nextTask(partition, cell, time())
    if (task === undefined) {
      // A timer may have been skipped: that has to be settled.
      if (partition.unsettled > unsettled) finished(partition, cell, undefined, 0)
      return
    }
    const timedOut = cell.timedOut === task
    cell.timedOut = undefined
    started()
    const since = time()
    partition.started(cell, { task, since, fiber: worker })
    const outcome = yield* perform(performance, partition, cell, task, timedOut)
    const now = time()
    partition.stopped(cell)
    if (partition.phase === "over") return
    if (outcome.ending._tag === "Escalate") {
      return yield* escalated(`${idempotencyKey(partition, cell, task)}: ${outcome.ending.cause}`)
    }
    complete(partition, cell, task, outcome, now)
    finished(partition, cell, outcome.ending._tag, now - since)
  })
