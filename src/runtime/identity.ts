import { DateTime } from "effect"
import type { DeadLetter } from "../actor/actor.ts"
import type { Cell, Task } from "./cell.ts"
import type { Partition } from "./partition.ts"

/** Where a task came from. */
export const sourceOf = (partition: Partition, task: Task): DeadLetter["source"] => {
  if (task._tag === "Timer") return { timer: task.name, due: DateTime.makeUnsafe(task.timer.due) }
  const { offset, origin } = task.message
  if (origin === undefined) return { topic: partition.topic, partition: partition.partition, offset }
  const { source } = origin
  return "timer" in source ? { timer: source.timer, due: DateTime.makeUnsafe(source.due) } : source
}

/** `topic/partition/offset`, or `actor/key/timer/due`; of a replayed dead letter the one it had first. */
export const idempotencyKey = (partition: Partition, cell: Cell, task: Task): string =>
  task._tag === "Timer"
    ? `${partition.actor}/${cell.key}/${task.name}/${new Date(task.timer.due).toISOString()}`
    : (task.message.origin?.id ?? `${partition.topic}/${partition.partition}/${task.message.offset}`)
