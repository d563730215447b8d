import { expect, it } from "@effect/vitest"
import { Cause, Effect, Layer } from "effect"
import { TestConsole } from "effect/testing"
import { describe } from "vitest"
import { layer } from "../../src/cli/logging.ts"

const lines = <A>(effect: Effect.Effect<A>) =>
  Effect.gen(function* () {
    const value = yield* Effect.provide(effect, layer("json"))
    const lines = (yield* TestConsole.logLines).map((line) => JSON.parse(String(line)) as Record<string, unknown>)
    return { value, lines }
  }).pipe(Effect.provide(Layer.mergeAll(TestConsole.layer)))

describe("a JSON log line", () => {
  it.effect("carries level, message, annotations and cause", () =>
    Effect.gen(function* () {
      const { lines: logged } = yield* lines(
        Effect.annotateLogs(Effect.logError("crashed", new Error("a bug")), { actor: "renewals", replica: 0 })
      )
      expect(logged).toHaveLength(1)
      expect(logged[0]).toMatchObject({ level: "ERROR", actor: "renewals", replica: 0 })
      expect(JSON.stringify(logged[0])).toContain("a bug")
    })
  )

  it.effect("keeps its own message, level and time, whatever its annotations are called", () =>
    Effect.gen(function* () {
      const annotations = { message: "words/1/2", level: "none", timestamp: "never", cause: "who knows" }
      const { lines: logged } = yield* lines(
        Effect.annotateLogs(Effect.logError("crashed", Cause.die(new Error("a bug"))), annotations)
      )
      expect(logged[0]).toMatchObject({ level: "ERROR", message: "crashed" })
      expect(logged[0]!["timestamp"]).toMatch(/^\d{4}-/)
      expect(logged[0]!["cause"]).toContain("a bug")
    })
  )

  it.effect("names the trace it was written in, and none outside of one", () =>
    Effect.gen(function* () {
      const { lines: logged, value } = yield* lines(
        Effect.andThen(
          Effect.logInfo("outside"),
          Effect.withSpan(
            Effect.tap(Effect.currentSpan, () => Effect.logInfo("inside")),
            "settle"
          )
        ).pipe(Effect.orDie)
      )
      expect(logged[0]).not.toHaveProperty("traceId")
      expect(logged[1]).toMatchObject({ message: "inside", traceId: value.traceId, spanId: value.spanId })
    })
  )

  it.effect("is one line, whatever is in the message", () =>
    Effect.gen(function* () {
      const circular: Record<string, unknown> = {}
      circular["self"] = circular
      const { lines: logged } = yield* lines(Effect.logInfo("two\nlines", circular))
      expect(logged).toHaveLength(1)
    })
  )
})
