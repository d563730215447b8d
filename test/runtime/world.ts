import { Effect, Schema } from "effect"
import type { Fiber } from "effect"
import { Actor, Topic } from "../../src/index.ts"
import type { Ending, Outcome } from "../../src/runtime/attempt.ts"
import type { Cell, Task } from "../../src/runtime/cell.ts"
import { complete } from "../../src/runtime/completion.ts"
import { Partition } from "../../src/runtime/partition.ts"
import type { Surroundings } from "../../src/runtime/partition.ts"
import { noHeaders } from "../../src/kafka/records.ts"
import type { KafkaRecord } from "../../src/kafka/records.ts"

const utf8 = new TextEncoder()

export const numbers = Topic.make("numbers", { value: Schema.Int, partitions: 1 })
export const { definition } = Actor.make("sum", {
  inbox: numbers,
  state: Schema.Int,
  initial: 0,
  timers: ["due", "other"]
}).handle({
  message: (state, message) => Effect.succeed(state + message),
  timer: { due: (state) => Effect.succeed(state), other: (state) => Effect.succeed(state) }
})

/** A handler that nobody runs. */
export const fiber = { interruptUnsafe: () => {} } as unknown as Fiber.Fiber<unknown, unknown>

/** A replica that does nothing of its own. */
export const surroundings: Surroundings = {
  definition,
  deadLetters: "sum.dead-letters",
  expect: () => {},
  wake: () => {},
  capacity: 64,
  capacityBytes: 1e6,
  holdLimit: 1_000
}

/** An active partition that is driven by hand. */
export const partitionOf = (around: Partial<Surroundings> = {}): Partition => {
  const partition = new Partition({ ...surroundings, ...around }, { topic: "numbers", partition: 0 }, "id")
  partition.activate(0, "id")
  return partition
}

export const record = (offset: number, key: string): KafkaRecord => ({
  offset,
  timestamp: 0,
  key: utf8.encode(key),
  value: utf8.encode(String(offset)),
  headers: noHeaders
})

export const batchOf = (records: ReadonlyArray<KafkaRecord>, endOffset = records.at(-1)!.offset + 1) => ({
  topic: "numbers",
  partition: 0,
  records,
  fromOffset: records[0]!.offset,
  nextOffset: records.at(-1)!.offset + 1,
  endOffset
})

export const outcomeOf = (cell: Cell, ending: Ending): Outcome => ({
  state: cell.state,
  json: null,
  headers: [],
  emitted: [],
  reported: [],
  timers: undefined,
  ending
})

/** The task's handler has begun, and ended so at once. */
export const handled = (partition: Partition, cell: Cell, task: Task, ending: Ending, now = 0): void => {
  partition.started(cell, { task, since: now, fiber })
  partition.stopped(cell)
  complete(partition, cell, task, outcomeOf(cell, ending), now)
}
