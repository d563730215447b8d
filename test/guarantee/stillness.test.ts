import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Actor, Topic, Topology } from "../../src/index.ts"
import { TestKit } from "../../src/testing/index.ts"

const alarms = Topic.make("alarms", { value: Schema.Literal("set"), partitions: 1 })
const clockwork = Actor.make("clockwork", { inbox: alarms, state: Schema.Int, initial: 0, timers: ["due"] }).handle({
  message: (state, _, turn) => Effect.as(turn.set("due", { after: "1 millis" }), state),
  timer: { due: (rung) => Effect.succeed(rung + 1) }
})

/** How many fibers have been made so far, this one included. */
const fibersMade = Effect.flatMap(Effect.forkChild(Effect.void), (fiber) => Effect.as(Fiber.join(fiber), fiber.id))

describe("a replica that waits", () => {
  it.effect("sleeps, however little time is left until a timer is due", () =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      yield* TestClock.setTime(0.999_999_999_9)
      yield* kit.send(alarms, "ada", "set")
      yield* kit.quiet
      const before = yield* fibersMade
      yield* Effect.repeat(Effect.yieldNow, { times: 1_000 })
      assert.isBelow((yield* fibersMade) - before, 10)
    }).pipe(Effect.provide(TestKit.layer(Topology.make("stillness", clockwork))))
  )
})
