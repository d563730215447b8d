import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Option, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Actor, Topic, Topology } from "../../src/index.ts"
import type { When } from "../../src/index.ts"
import { TestKit } from "../../src/testing/testKit.ts"

const starts = Topic.make("starts", { value: Schema.String, partitions: 1 })

/** Sets its own timer anew at each due time, and remembers them; ten at most. */
const ticking = (when: When) =>
  Actor.make("ticking", {
    inbox: starts,
    state: Schema.Array(Schema.String),
    initial: [],
    timers: ["tick"]
  }).handle({
    message: (state, _, turn) => Effect.as(turn.set("tick", when), state),
    timer: {
      tick: Effect.fnUntraced(function* (state, turn) {
        if (state.length < 10) yield* turn.set("tick", when)
        return [...state, turn.idempotencyKey.slice("ticking/ada/tick/1970-01-01T".length, -8)]
      })
    }
  })

describe("a recurrence that its own turn sets anew", () => {
  const from = DateTime.makeUnsafe(0)
  for (const when of [{ cron: "* * * * *" }, { every: "1 minute", from }] as const) {
    it.effect(`goes on with the next due time, also within the same millisecond: ${Object.keys(when)[0]}`, () => {
      const actor = ticking(when)
      return Effect.gen(function* () {
        const kit = yield* TestKit
        yield* TestClock.adjust("30 seconds")
        yield* kit.send(starts, "ada", "go")
        yield* kit.quiet
        yield* TestClock.adjust("30 seconds")
        yield* kit.quiet
        yield* TestClock.adjust("1 minute")
        yield* kit.quiet
        assert.deepStrictEqual(yield* kit.state(actor, "ada"), Option.some(["00:01", "00:02"]))
      }).pipe(Effect.provide(TestKit.layer(Topology.make("test", actor))))
    })
  }
})
