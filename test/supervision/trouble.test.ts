import { expect, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import type { Child } from "../../src/supervision/child.ts"
import * as Supervisor from "../../src/supervision/supervisor.ts"

describe("a replica that fails at its restore again and again", () => {
  it.effect("keeps its cause while it is restored, until it runs", () =>
    Effect.gen(function* () {
      let state: "restoring" | "running" = "restoring"
      const child: Child = {
        actor: "bad",
        kind: "keyed",
        replica: 0,
        run: (show) => {
          show({
            status: () => ({ state, partitions: [] }),
            busy: Effect.succeed(false),
            progress: () => 0,
            crash: Effect.void
          })
          return state === "restoring" ? Effect.delay(Effect.die(new Error("a bug")), "15 seconds") : Effect.never
        }
      }
      const supervisor = yield* Supervisor.make({ instance: "one" })
      yield* supervisor.start([child])
      yield* TestClock.adjust("20 seconds")
      const now = () => supervisor.status()[0]!
      expect(now()).toMatchObject({ state: "restoring", trouble: { cause: "a bug" } })
      state = "running"
      yield* TestClock.adjust("20 seconds")
      expect(now().trouble).toBeUndefined()
      yield* TestClock.adjust("1 minute")
      state = "restoring"
      expect(now().trouble).toBeUndefined()
    }).pipe(Effect.provide(Logger.layer([])))
  )
})
