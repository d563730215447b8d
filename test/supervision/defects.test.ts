import { assert, expect, it } from "@effect/vitest"
import { Effect, Layer, Logger, Option, Schema } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import { Actor, Actors, Kafka, Topic, Topology } from "../../src/index.ts"
import { partitionFor } from "../../src/kafka/partitioner.ts"
import { TestKit } from "../../src/testing/index.ts"

const orders = Topic.make("orders", { value: Schema.Literals(["good", "bug", "stuck"]), partitions: 4 })
const clerk = Actor.make("clerk", { inbox: orders, state: Schema.Int, initial: 0, timeout: "10 seconds" }).handle({
  message: (done, order) =>
    order === "good" ? Effect.succeed(done + 1) : order === "bug" ? Effect.die(new Error("a bug")) : Effect.never
})

/** The error lines of a run. */
const logged = () => {
  const lines: Array<string> = []
  const log = Logger.map(Logger.formatLogFmt, (line) => {
    if (line.includes("level=ERROR")) lines.push(line)
  })
  return { lines, layer: Logger.layer([log]) }
}

const partition = partitionFor(new TextEncoder().encode("ada"), 4)

describe("a defect of a handler", () => {
  for (const [order, cause] of [
    ["bug", "a bug"],
    ["stuck", "TimedOut"]
  ] as const) {
    it.effect(`is never silent (${order}): each attempt's line names actor, key, partition, offset and cause`, () => {
      const { layer, lines } = logged()
      return Effect.gen(function* () {
        const kit = yield* TestKit
        yield* kit.send(orders, "ada", "good")
        yield* kit.send(orders, "ada", order)
        for (let second = 0; second < 60; second++) {
          yield* kit.quiet
          yield* TestClock.adjust("1 second")
        }
        yield* kit.quiet
        expect(lines).toHaveLength(3)
        for (const [index, line] of lines.entries()) {
          expect(line).toContain("actor=clerk")
          expect(line).toContain('key="\\"ada\\""')
          expect(line).toContain(`idempotencyKey=orders/${partition}/1`)
          expect(line).toContain(`attempt=${index + 1}`)
          expect(line).toContain(cause)
        }
      }).pipe(Effect.provide(Layer.provideMerge(TestKit.layer(Topology.make("office", clerk)), layer)))
    })
  }
})

/** What JavaScript may throw, and what throws itself when somebody looks at it. */
const thrown = {
  "without a prototype": (): unknown => Object.create(null),
  "a symbol": () => Symbol("odd"),
  nothing: () => undefined,
  "whose message throws": () =>
    Object.defineProperty(new Error("odd"), "message", { get: () => assert.fail("looked at") }),
  "whose text throws": () => ({ toString: () => assert.fail("looked at") }),
  "with a message of megabytes": () => new Error("odd ".repeat(1e6))
}

describe("a handler that throws something odd", () => {
  const run = (effect: Effect.Effect<number>) => {
    const { layer, lines } = logged()
    const odd = Actor.make("odd", { inbox: orders, state: Schema.Int, initial: 0 }).handle({
      message: (done, order) => (order === "good" ? Effect.succeed(done + 1) : effect)
    })
    return Effect.gen(function* () {
      const kit = yield* TestKit
      yield* kit.send(orders, "ada", "bug")
      yield* kit.send(orders, "ada", "good")
      yield* Effect.repeat(Effect.andThen(kit.quiet, TestClock.adjust("1 second")), { times: 20 })
      const { status } = yield* Actors
      const { deadLetters, replicas } = status().find(({ name }) => name === "odd")!
      expect({ deadLetters, restarts: replicas[0]!.restarts }).toEqual({ deadLetters: 1, restarts: 0 })
      expect(yield* kit.state(odd, "ada")).toEqual(Option.some(1))
      expect(lines).toHaveLength(3)
      const kafka = yield* Kafka
      const letter = Option.getOrThrow(yield* kafka.read({ topic: "odd.dead-letters", partition, offset: 0 }))
      return new TextDecoder().decode(letter.headers.find(([name]) => name === "sixfold-error")![1])
    }).pipe(Effect.provide(Layer.provideMerge(TestKit.layer(Topology.make("office", odd)), layer)))
  }

  it.effect.each(Object.entries(thrown))("fails an attempt of its message as any other: %s", ([what, make]) =>
    Effect.gen(function* () {
      const cause = yield* run(Effect.suspend(() => Effect.die(make())))
      expect(cause.length).toBeLessThan(5_000)
      if (what.startsWith("with a message")) expect(cause).toMatch(/^Error: odd odd/)
    })
  )

  it.effect("or answers no effect, in plain JavaScript, fails an attempt as well", () =>
    Effect.map(run(Promise.resolve(1) as never), (cause) =>
      expect(cause).toBe("TypeError: the handler answered no Effect")
    )
  )
})

describe("a defect of a restore", () => {
  it.effect("is told in the log and restarts the replica, as any other of the machinery", () => {
    const { layer, lines } = logged()
    return Effect.gen(function* () {
      const kit = yield* TestKit
      yield* kit.send(orders, "ada", "good")
      yield* kit.quiet
      const newer = { key: Uint8Array.of(99, 0, 0, 0, 0), value: Uint8Array.of(1), headers: [], timestamp: 0 }
      const producer = yield* (yield* Kafka).producer
      yield* producer.send([{ topic: "clerk.state", partition, ...newer }])
      yield* kit.crash(clerk)
      yield* kit.quiet
      yield* TestClock.adjust("1 minute")
      yield* kit.quiet
      expect(lines.length).toBeGreaterThan(2)
      for (const line of lines) {
        expect(line).toContain("actor=clerk")
        expect(line).toContain("changelog entry")
      }
      const { status } = yield* Actors
      const { replicas, state } = status().find(({ name }) => name === "clerk")!
      expect(state).toBe("failed")
      expect(replicas[0]!.restarts).toBeGreaterThan(5)
      expect(replicas[0]!.trouble!.cause).toContain("changelog entry")
    }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(TestKit.layer(Topology.make("office", clerk)), layer)))
  })
})
