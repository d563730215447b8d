import { Effect } from "effect"
import type { Fiber } from "effect"
import type { ActorDefinition, DeadLetter } from "../actor/actor.ts"
import { noHeaders } from "../kafka/records.ts"
import type { Header } from "../kafka/records.ts"
import type { Attempt } from "./attempt.ts"
import type { Cell, Running, Task } from "./cell.ts"
import type { StateCodec } from "./codec.ts"
import { idempotencyKey, sourceOf } from "./identity.ts"
import type { Partition } from "./partition.ts"
import type { Refusals } from "./refusals.ts"

/** A message that has been retried for longer, in milliseconds, is given up on: 7 days, as long as an inbox keeps it by default. */
const longestWait = 7 * 86_400_000

/** What a replica needs to know to run any task. */
export interface Performance {
  readonly definition: ActorDefinition
  readonly codec: StateCodec
  readonly refused: Refusals
}

/** A key of a partition. */
export interface Place {
  readonly partition: Partition
  readonly cell: Cell
}

/** A task that runs, as an attempt at it. Most turns ask for little of what could be told: it is worked out when they do. */
export class Run implements Running, Attempt {
  readonly performance: Performance
  readonly at: Place
  readonly task: Task
  readonly since: number
  readonly fiber: Fiber.Fiber<unknown, unknown>
  /** Known once they are decoded; a task that cannot be has no handler. */
  key: unknown = undefined
  state: unknown = undefined
  handler: Attempt["handler"] = Effect.succeed
  /** The trace context that it came with, or that of its own span. */
  headers: ReadonlyArray<Header> = noHeaders

  readonly isLate: boolean

  constructor(performance: Performance, at: Place, told: Pick<Running, "task" | "since" | "fiber">, isLate: boolean) {
    const { fiber, since, task } = told
    this.performance = performance
    this.at = at
    this.task = task
    this.since = since
    this.fiber = fiber
    this.isLate = isLate
  }

  get definition() {
    return this.performance.definition
  }
  get encode() {
    return this.performance.codec.encode
  }
  get now() {
    return this.since
  }
  get attempt() {
    return this.task.attempt
  }
  get idempotencyKey() {
    return idempotencyKey(this.at.partition, this.at.cell, this.task)
  }
  get source(): DeadLetter["source"] {
    return sourceOf(this.at.partition, this.task)
  }
  get isLast() {
    const { wait } = this.at.cell
    return this.task._tag === "Message" && wait !== undefined && this.since - wait.since > longestWait
  }
}
