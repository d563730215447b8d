import type { Fiber } from "effect"
import type { DeadLetter } from "../actor/actor.ts"
import type { Cell, Running, Task } from "./cell.ts"
import { idempotencyKey, sourceOf } from "./identity.ts"
import type { Partition } from "./partition.ts"

/** A message that has been retried for longer, in milliseconds, is given up on: 7 days, as long as an inbox keeps it by default. */
const longestWait = 7 * 86_400_000

/** A task that runs, and what can be told of it. Most turns ask for nothing of that: it is worked out when they do. */
export class Run implements Running {
  readonly partition: Partition
  readonly cell: Cell
  readonly task: Task
  /** Milliseconds since the epoch. */
  readonly since: number
  readonly fiber: Fiber.Fiber<unknown, unknown>

  constructor(partition: Partition, cell: Cell, task: Task, since: number, fiber: Fiber.Fiber<unknown, unknown>) {
    this.partition = partition
    this.cell = cell
    this.task = task
    this.since = since
    this.fiber = fiber
  }

  get id(): string {
    return idempotencyKey(this.partition, this.cell, this.task)
  }

  get source(): DeadLetter["source"] {
    return sourceOf(this.partition, this.task)
  }

  /** It has been tried for too long. */
  get isLast(): boolean {
    const { wait } = this.cell
    return this.task._tag === "Message" && wait !== undefined && this.since - wait.since > longestWait
  }
}
