import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option } from "effect"
import { TestClock } from "effect/testing"
import { KvConflict, KvUnknown } from "../../src/store/kv/kvStore.ts"
import * as World from "./world.ts"

const conflict = (key: string, current: number | undefined) =>
  new KvConflict({ key, current: Option.fromUndefinedOr(current) })

/** A store with its writer running, and two processes that share it. */
const shared = Effect.gen(function* () {
  const world = yield* World.make
  yield* world.writer("w")
  return { world, a: yield* world.process("a"), b: yield* world.process("b") }
})

describe("a write", () => {
  it.effect("is read by its writer as soon as it is answered", () =>
    Effect.gen(function* () {
      const { store } = (yield* shared).a
      assert.strictEqual(yield* store.put("k", 1), 1)
      assert.deepStrictEqual(store.entry("k"), Option.some({ value: 1, version: 1 }))
      yield* store.delete("k")
      assert.deepStrictEqual(store.get("k"), Option.none())
    })
  )

  it.effect("reaches every other process", () =>
    Effect.gen(function* () {
      const { a, b } = yield* shared
      yield* a.store.put("k", 1)
      yield* World.sees(b, "k", 1)
      yield* b.store.put("k", 2)
      yield* World.sees(a, "k", 2)
      yield* a.store.delete("k")
      yield* World.sees(b, "k", undefined)
    })
  )

  it.effect("at a version that is over is refused with the present one, which its writer can read by then", () =>
    Effect.gen(function* () {
      const { a, b } = yield* shared
      yield* a.store.put("k", 1)
      yield* World.sees(b, "k", 1)
      // b is held back while a goes on.
      yield* b.client.freeze
      yield* a.store.put("k", 2)
      const late = yield* Effect.forkChild(Effect.flip(b.store.put("k", 3, { ifVersion: 1 })))
      yield* b.client.thaw
      assert.deepStrictEqual(yield* Fiber.join(late), conflict("k", 2))
      assert.deepStrictEqual(b.store.entry("k"), Option.some({ value: 2, version: 2 }))
    })
  )

  it.effect("that wants a key absent is refused while it is there, and taken after a delete", () =>
    Effect.gen(function* () {
      const { store } = (yield* shared).a
      yield* store.put("k", 1, { ifVersion: "absent" })
      assert.deepStrictEqual(yield* Effect.flip(store.put("k", 2, { ifVersion: "absent" })), conflict("k", 1))
      yield* store.delete("k", { ifVersion: 1 })
      assert.strictEqual(yield* store.put("k", 3, { ifVersion: "absent" }), 3)
    })
  )

  it.effect("at a version of a key that was deleted meanwhile is refused: it has no value", () =>
    Effect.gen(function* () {
      const { store } = (yield* shared).a
      yield* store.put("k", 1)
      yield* store.delete("k")
      assert.deepStrictEqual(yield* Effect.flip(store.put("k", 2, { ifVersion: 1 })), conflict("k", undefined))
      assert.deepStrictEqual(yield* Effect.flip(store.delete("k", { ifVersion: 1 })), conflict("k", undefined))
    })
  )

  it.effect("that deletes what is not there changes nothing, and is answered", () =>
    Effect.gen(function* () {
      const { a, world } = yield* shared
      yield* a.store.delete("never")
      yield* a.store.put("k", 1)
      yield* a.store.delete("k")
      yield* a.store.delete("k")
      assert.strictEqual(yield* a.store.put("k", 1), 3)
      assert.deepStrictEqual(
        (yield* world.records("config")).map(({ key, version }) => `${key} ${version}`),
        ["k 1", "k 2", "k 2", "k 3"]
      )
    })
  )

  it.effect("above the broker's limit is refused before it is sent", () =>
    Effect.gen(function* () {
      const { a, world } = yield* shared
      const error = yield* Effect.flip(a.store.put("k".repeat(1_048_000), 1))
      assert.strictEqual(error._tag === "KafkaError" ? error.reason : error._tag, "RecordTooLarge")
      assert.deepStrictEqual(yield* world.records("config.commands"), [])
    })
  )
})

describe("compare and set", () => {
  it.effect("of two processes at the same version lets exactly one win, every time", () =>
    Effect.gen(function* () {
      const { a, b } = yield* shared
      let version = yield* a.store.put("k", 0)
      for (let round = 1; round <= 20; round++) {
        const [x, y] = yield* Effect.all(
          [a, b].map(({ store }, i) => Effect.exit(store.put("k", round * 10 + i, { ifVersion: version }))),
          { concurrency: "unbounded" }
        )
        const won = [x!, y!].filter(Exit.isSuccess)
        assert.strictEqual(won.length, 1)
        version = won[0]!.value
        const winner = x === won[0] ? 0 : 1
        yield* World.sees(a, "k", round * 10 + winner)
        yield* World.sees(b, "k", round * 10 + winner)
      }
    })
  )

  it.effect("in loops of several processes counts every step", () =>
    Effect.gen(function* () {
      const { a, b, world } = yield* shared
      const c = yield* world.process("c")
      yield* a.store.put("n", 0)
      const step = ({ store }: World.Process): Effect.Effect<number, unknown> =>
        Effect.suspend(() => {
          const { value, version } = Option.getOrElse(store.entry("n"), () => ({ value: 0, version: 1 }))
          return Effect.catchTag(store.put("n", value + 1, { ifVersion: version }), "KvConflict", () =>
            step({ store } as World.Process)
          )
        })
      const steps = (process: World.Process) => Effect.forEach(Array.from({ length: 10 }), () => step(process))
      yield* Effect.all([steps(a), steps(b), steps(c)], { concurrency: "unbounded" })
      yield* World.sees(a, "n", 30)
    })
  )

  it.effect("holds after compaction has removed what the loser would have seen", () =>
    Effect.gen(function* () {
      const { a, world } = yield* shared
      yield* a.store.put("k", 1)
      yield* a.store.put("k", 2)
      yield* a.store.delete("k")
      yield* a.store.put("other", 1)
      yield* world.broker.control.clean
      yield* TestClock.adjust("25 hours")
      yield* world.broker.control.clean
      assert.notInclude(
        (yield* world.records("config")).map(({ key }) => key),
        "k"
      )
      const late = yield* world.process("late")
      assert.deepStrictEqual(yield* Effect.flip(late.store.put("k", 9, { ifVersion: 2 })), conflict("k", undefined))
      // The deleted key's versions go on where they were.
      assert.strictEqual(yield* late.store.put("k", 9, { ifVersion: "absent" }), 4)
    })
  )
})

describe("an unanswered write", () => {
  it.effect("is unknown after ten seconds, and takes effect once however often it is tried again", () =>
    Effect.gen(function* () {
      const world = yield* World.make
      const a = yield* world.process("a")
      const first = yield* Effect.forkChild(Effect.flip(a.store.put("k", 1)), { startImmediately: true })
      yield* TestClock.adjust("9999 millis")
      assert.isUndefined(first.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const unknown = yield* Fiber.join(first)
      assert.instanceOf(unknown, KvUnknown)
      const { requestId } = unknown

      yield* world.writer("w")
      yield* World.sees(a, "k", 1)
      assert.strictEqual(yield* a.store.put("k", 1, { requestId }), 1)
      yield* a.store.put("k", 2)
      assert.strictEqual(yield* a.store.put("k", 1, { requestId }), 1)
      assert.deepStrictEqual(a.store.get("k"), Option.some(2))
      assert.deepStrictEqual(
        (yield* world.records("config")).map(({ value }) => value),
        [1, 2]
      )
    })
  )

  it.effect("whose result was lost keeps its outcome for the next attempt, also a conflict", () =>
    Effect.gen(function* () {
      const { a, world } = yield* shared
      yield* a.store.put("k", 1)
      // Results reach this process no more.
      yield* world.broker.control.intercept(({ client, kind, subjects }) =>
        Effect.succeed(client === "a" && kind === "fetch" && subjects.includes("config.results") ? "fail" : "pass")
      )
      const lost = [a.store.put("k", 2, { requestId: "p" }), a.store.put("k", 3, { ifVersion: 7, requestId: "q" })]
      const fibers = yield* Effect.forEach(lost, (write) =>
        Effect.forkChild(Effect.flip(write), { startImmediately: true })
      )
      yield* World.sees(a, "k", 2)
      yield* TestClock.adjust("10 seconds")
      for (const fiber of fibers) assert.instanceOf(yield* Fiber.join(fiber), KvUnknown)

      yield* world.broker.control.heal
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* a.store.put("k", 2, { requestId: "p" }), 2)
      // By now version 7 could have come: what was refused once stays refused.
      for (let i = 3; i <= 7; i++) yield* a.store.put("k", i)
      assert.deepStrictEqual(
        yield* Effect.flip(a.store.put("k", 99, { ifVersion: 7, requestId: "q" })),
        conflict("k", 2)
      )
    })
  )

  it.effect("of a delete is answered by its tombstone, which is written again", () =>
    Effect.gen(function* () {
      const { a, world } = yield* shared
      yield* a.store.put("k", 1)
      yield* a.store.delete("k", { requestId: "d" })
      const restarted = yield* world.process("b")
      yield* restarted.store.delete("k", { requestId: "d" })
      assert.strictEqual(yield* restarted.store.put("k", 2), 3)
    })
  )

  it.effect("is unknown when the broker cannot be reached", () =>
    Effect.gen(function* () {
      const { a } = yield* shared
      yield* a.client.freeze
      const write = yield* Effect.forkChild(Effect.flip(a.store.put("k", 1)), { startImmediately: true })
      yield* TestClock.adjust("10 seconds")
      assert.instanceOf(yield* Fiber.join(write), KvUnknown)
    })
  )
})

describe("another program", () => {
  it.effect("that sends a command twice gets one effect and two equal answers", () =>
    Effect.gen(function* () {
      const { a, world } = yield* shared
      const command = JSON.stringify({ requestId: "r", value: 5 })
      yield* world.append("config.commands", "k", command)
      yield* world.append("config.commands", "k", command)
      yield* a.store.put("k", 6)
      assert.deepStrictEqual(
        (yield* world.records("config")).map(({ value }) => value),
        [5, 6]
      )
      assert.deepStrictEqual(
        (yield* world.records("config.results")).filter(({ key }) => key === "r").map(({ value }) => value),
        [
          { requestId: "r", version: 1 },
          { requestId: "r", version: 1 }
        ]
      )
    })
  )

  it.effect("that sends what is no command of this store stops nobody", () =>
    Effect.gen(function* () {
      const { a, world } = yield* shared
      for (const bad of [
        "{",
        `{"value":1}`,
        `{"requestId":"x","value":"text"}`,
        `{"requestId":"x","expected":0}`,
        "null"
      ]) {
        yield* world.append("config.commands", "k", bad)
      }
      yield* world.append("config.commands", "k", null)
      assert.strictEqual(yield* a.store.put("k", 1), 1)
    })
  )
})
