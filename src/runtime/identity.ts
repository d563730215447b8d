import { DateTime } from "effect"
import type { DeadLetter } from "../actor/actor.ts"
import type { Cell, Task } from "./cell.ts"
import type { Partition } from "./partition.ts"

/** Where a task came from. */
export const sourceOf = (partition: Partition, task: Task): DeadLetter["source"] =>
  task._tag === "Timer"
    ? { timer: task.name, due: DateTime.makeUnsafe(task.timer.due) }
    : { topic: partition.topic, partition: partition.partition, offset: task.message.offset }

/** `topic/partition/offset`, or `actor/key/timer/due`. */
export const idempotencyKey = (partition: Partition, cell: Cell, task: Task): string =>
  task._tag === "Timer"
    ? `${partition.actor}/${cell.key}/${task.name}/${new Date(task.timer.due).toISOString()}`
    : `${partition.topic}/${partition.partition}/${task.message.offset}`
