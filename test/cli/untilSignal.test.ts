import { expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Latch, Logger, Queue } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import { Signals } from "../../src/cli/signals.ts"
import type { Signal } from "../../src/cli/signals.ts"
import { untilSignal } from "../../src/cli/untilSignal.ts"

/** A program whose drain takes as long as its latch is closed, and the signals to stop it with. */
const world = Effect.gen(function* () {
  const signals = yield* Queue.unbounded<Signal>()
  const drained = yield* Latch.make()
  const log: Array<string> = []
  const program = Effect.gen(function* () {
    yield* Effect.addFinalizer(() =>
      Effect.andThen(
        Effect.sync(() => log.push("drains")),
        Effect.andThen(
          drained.await,
          Effect.sync(() => log.push("drained"))
        )
      )
    )
    return yield* Effect.never
  })
  const run = <E>(program: Effect.Effect<never, E, never>) =>
    Effect.forkChild(Effect.exit(untilSignal(program, 10))).pipe(
      Effect.provideService(Signals, { next: Queue.take(signals) }),
      Effect.provide(Logger.layer([]))
    )
  return { signals, drained, log, program: Effect.scoped(program), run }
})

describe("a running program", () => {
  it.effect("drains at a signal and ends well", () =>
    Effect.gen(function* () {
      const { drained, log, program, run, signals } = yield* world
      const fiber = yield* run(program)
      yield* TestClock.adjust(0)
      yield* Queue.offer(signals, "SIGTERM")
      yield* TestClock.adjust("9 seconds")
      expect(log).toEqual(["drains"])
      yield* drained.open
      expect(yield* Fiber.join(fiber)).toEqual(Exit.void)
      expect(log).toEqual(["drains", "drained"])
    })
  )

  it.effect("ends at once at a second signal", () =>
    Effect.gen(function* () {
      const { log, program, run, signals } = yield* world
      const fiber = yield* run(program)
      yield* TestClock.adjust(0)
      yield* Queue.offerAll(signals, ["SIGTERM", "SIGINT"])
      const exit = yield* Fiber.join(fiber)
      expect(String(exit)).toContain("SIGINT while draining: stopped at once")
      expect(log).toEqual(["drains"])
    })
  )

  it.effect("ends when the drain takes longer than it may", () =>
    Effect.gen(function* () {
      const { program, run, signals } = yield* world
      const fiber = yield* run(program)
      yield* TestClock.adjust(0)
      yield* Queue.offer(signals, "SIGINT")
      yield* TestClock.adjust("10 seconds")
      expect(String(yield* Fiber.join(fiber))).toContain("not drained within 10 s")
    })
  )

  it.effect("ends with its own failure, without waiting for a signal", () =>
    Effect.gen(function* () {
      const { run } = yield* world
      expect(yield* Fiber.join(yield* run(Effect.fail("no port")))).toEqual(Exit.fail("no port"))
    })
  )

  it.effect("stops before it is up when the signal comes that early", () =>
    Effect.gen(function* () {
      const { run, signals } = yield* world
      yield* Queue.offer(signals, "SIGTERM")
      const fiber = yield* run(Effect.never)
      expect(yield* Fiber.join(fiber)).toEqual(Exit.void)
    })
  )

  it.effect("does not call a stop clean whose finalizer failed", () =>
    Effect.gen(function* () {
      const { run, signals } = yield* world
      const fiber = yield* run(Effect.ensuring(Effect.never, Effect.die(new Error("could not settle"))))
      yield* TestClock.adjust(0)
      yield* Queue.offer(signals, "SIGTERM")
      expect(String(yield* Fiber.join(fiber))).toContain("could not settle")
    })
  )

  it.effect("takes its program along when it is interrupted itself", () =>
    Effect.gen(function* () {
      const { drained, log, program, run } = yield* world
      const fiber = yield* run(program)
      yield* TestClock.adjust(0)
      yield* drained.open
      yield* Fiber.interrupt(fiber)
      expect(log).toEqual(["drains", "drained"])
    })
  )
})
