import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { admit } from "../../src/runtime/admission.ts"
import { commandHeaders, encodeCommand } from "../../src/runtime/control.ts"
import * as Dispatcher from "../../src/runtime/dispatcher.ts"
import { nextTask } from "../../src/runtime/task.ts"
import type { Turns } from "../../src/runtime/turns.ts"
import { batchOf, partitionOf, record } from "./world.ts"

/** A dispatcher of one partition, whose workers note the keys that have something to do, and do nothing. */
const dispatching = Effect.gen(function* () {
  const begun: Array<string> = []
  const turns: Turns = {
    begin: ({ cell, partition }) => {
      if (nextTask(partition, cell, 0) !== undefined) begun.push(cell.key)
      return undefined
    },
    end: () => undefined
  }
  const dispatcher = yield* Dispatcher.make(8, {
    actor: "sum",
    turns,
    provide: (worker) => worker as Effect.Effect<void>,
    interrupted: () => {},
    crashed: () => {}
  })
  const partition = partitionOf({ wake: dispatcher.wake })
  // It waits for something to do.
  yield* TestClock.adjust(0)
  return { begun, partition }
})

describe("a worker", () => {
  it.effect("begins only after what its key was woken in the middle of", () =>
    Effect.gen(function* () {
      const { begun, partition } = yield* dispatching
      admit(partition, batchOf([record(0, "a"), record(1, "b")]), 0)
      assert.deepStrictEqual(begun, [])
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(begun, ["a", "b"])
    }).pipe(Effect.scoped)
  )

  it.effect("never takes a message whose pause came with the same poll", () =>
    Effect.gen(function* () {
      const { begun, partition } = yield* dispatching
      const pause = {
        ...record(1, "a"),
        headers: commandHeaders(partition.actor),
        value: encodeCommand({ op: "pause" })
      }
      admit(partition, batchOf([record(0, "a"), pause, record(2, "b")]), 0)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(begun, ["b"])
    }).pipe(Effect.scoped)
  )
})
