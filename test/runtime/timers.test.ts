import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Layer, Option, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Actor, Actors, Log, Topic, Topology } from "../../src/index.ts"
import type { Kafka } from "../../src/index.ts"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import { EmbeddedBroker } from "../../src/kafka/embedded/embedded.ts"
import * as Alarm from "../../src/runtime/alarm.ts"
import type { Cell } from "../../src/runtime/cell.ts"
import { complete, setTimer } from "../../src/runtime/completion.ts"
import { admit } from "../../src/runtime/admission.ts"
import type { DueItem } from "../../src/runtime/partition.ts"
import { nextTask, wants } from "../../src/runtime/task.ts"
import type { Timer } from "../../src/store/entry.ts"
import { setTimer as timerOf } from "../../src/store/recurrence.ts"
import { TestKit } from "../../src/testing/testKit.ts"
import { batchOf, fiber, handled, outcomeOf, partitionOf, record } from "./world.ts"

const at = (due: number): Timer => ({ due, when: { at: due }, attempt: 0 })

describe("a due time", () => {
  it("that rang before the clock went back rings again, and takes effect once", () => {
    const expected: Array<DueItem> = []
    const partition = partitionOf({ expect: (item) => expected.push(item) })
    const cell = partition.cell("a")
    setTimer(partition, cell, "due", at(1_000))
    partition.ring(expected.pop()!)
    assert.isUndefined(nextTask(partition, cell, 400), "it is not due any more")
    const again = expected.pop()!
    assert.strictEqual(again.due, 1_000)
    partition.ring(again)
    const task = nextTask(partition, cell, 1_000)!
    assert.strictEqual(task._tag, "Timer")
    handled(partition, cell, task, { _tag: "Settled" }, 300)
    partition.ring(again)
    assert.isFalse(wants(partition, cell, 2_000))
  })

  it("of a retry that rang before the clock went back rings again", () => {
    const expected: Array<DueItem> = []
    const partition = partitionOf({ expect: (item) => expected.push(item) })
    admit(partition, batchOf([record(0, "a")]), 0)
    const cell = partition.cells.get("a")!
    const task = nextTask(partition, cell, 0)!
    handled(partition, cell, task, { _tag: "Retry", cause: "c", delay: 1_000 })
    partition.ring(expected.pop()!)
    assert.isUndefined(nextTask(partition, cell, 400))
    assert.strictEqual(expected.pop()?.due, 1_000)
    assert.strictEqual(nextTask(partition, cell, 1_000)?.attempt, 2)
  })

  it("that is skipped when missed is not skipped once an attempt has begun", () => {
    const partition = partitionOf()
    const cell = partition.cell("a")
    const timer = timerOf({ after: "1 second", missed: "skip" }, 0)
    setTimer(partition, cell, "due", { ...timer, attempt: 1, retryAt: 300_000 })
    cell.ring("due")
    assert.strictEqual(nextTask(partition, cell, 300_000)?.attempt, 2)
  })
})

describe("a due time of a key with turns that are not settled", () => {
  it("waits for their settle, and what came behind it waits too", () => {
    let woken = 0
    const partition = partitionOf({ wake: () => woken++ })
    admit(partition, batchOf([record(0, "a"), record(1, "a")]), 0)
    const cell = partition.cells.get("a")!
    setTimer(partition, cell, "due", at(1_000))
    const first = nextTask(partition, cell, 0)!
    partition.started(cell, { task: first, since: 0, fiber })
    partition.stopped(cell)
    complete(partition, cell, first, outcomeOf(cell, { _tag: "Settled" }), 0)
    cell.ring("due")
    assert.isUndefined(nextTask(partition, cell, 1_000))
    assert.isFalse(wants(partition, cell, 1_000), "a worker that asks again and again would find nothing")
    woken = 0
    partition.settled(partition.settleSet(10, 1e6)!)
    assert.strictEqual(woken, 1)
    assert.strictEqual(nextTask(partition, cell, 1_000)!._tag, "Timer")
  })
})

/** An alarm with a partition whose keys are counted as they wake. */
const ringing = Effect.gen(function* () {
  const world = { woken: 0, crowded: false }
  const alarm = yield* Alarm.make({ partitions: () => 1, crowded: () => world.crowded, look: () => {} })
  const partition = partitionOf({ expect: alarm.expect, wake: () => world.woken++ })
  yield* Effect.forkScoped(alarm.run)
  const set = (cell: Cell, due: number) => setTimer(partition, cell, "due", at(due))
  return { world, alarm, partition, set }
})

describe("the alarm", () => {
  it.effect("spreads what is due at once over rounds, in due order, and holds back while keys are not taken", () =>
    Effect.gen(function* () {
      const { partition, set, world } = yield* ringing
      for (let n = 0; n < 1_200; n++) set(partition.cell(`key-${n}`), 1_000)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(world.woken, 500)
      yield* TestClock.adjust("99 millis")
      assert.strictEqual(world.woken, 500)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(world.woken, 1_000)
      world.crowded = true
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(world.woken, 1_000)
      world.crowded = false
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(world.woken, 1_200)
    })
  )

  it.effect("loses nothing over a jump of the clock, back or forward", () =>
    Effect.gen(function* () {
      const { partition, set, world } = yield* ringing
      yield* TestClock.setTime(1_000_000)
      set(partition.cell("a"), 1_000_500)
      set(partition.cell("b"), 9_000_000)
      yield* TestClock.setTime(10_000)
      assert.strictEqual(world.woken, 0)
      yield* TestClock.adjust("990490 millis")
      assert.strictEqual(world.woken, 0)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(world.woken, 1)
      yield* TestClock.setTime(1e9)
      assert.strictEqual(world.woken, 2)
    })
  )

  it.effect("goes on with what is due where the clock goes back after a full round", () =>
    Effect.gen(function* () {
      const { partition, set, world } = yield* ringing
      for (let n = 0; n < 501; n++) set(partition.cell(`key-${n}`), 1_000_000)
      yield* TestClock.setTime(1_000_000)
      assert.strictEqual(world.woken, 500)
      yield* TestClock.setTime(10_000)
      set(partition.cell("a"), 10_001)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(world.woken, 501)
    })
  )

  it.effect("keeps no more than twice what still holds of a timer that is set anew again and again", () =>
    Effect.gen(function* () {
      const { alarm, partition, set } = yield* ringing
      for (let n = 0; n < 100_000; n++) set(partition.cell("a"), 1e9 + n)
      assert.isBelow(alarm.size(), 5_000)
    })
  )

  it.effect("rings only after what a time was set in the middle of, even where it is due at once", () =>
    Effect.gen(function* () {
      const { partition, set, world } = yield* ringing
      yield* TestClock.adjust(1_000)
      set(partition.cell("a"), 500)
      assert.strictEqual(world.woken, 0)
      yield* TestClock.adjust(0)
      assert.strictEqual(world.woken, 1)
    })
  )

  it.effect("forgets a partition that is given up", () =>
    Effect.gen(function* () {
      const { alarm, partition, set, world } = yield* ringing
      for (let n = 0; n < 10; n++) set(partition.cell(`key-${n}`), 1_000)
      alarm.forget(partition)
      assert.strictEqual(alarm.size(), 0)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(world.woken, 0)
    })
  )
})

class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", {}) {}
const orders = Topic.make("orders", { value: Schema.String, partitions: 1 })

/** Counts how often its timers took effect, and with which due time. */
const counter = () => {
  const world = { down: false, fired: [] as Array<string> }
  const actor = Actor.make("counter", {
    inbox: orders,
    state: Schema.Array(Schema.String),
    initial: [],
    timers: ["charge"]
  })
    .handle({
      message: Effect.fnUntraced(function* (state, order, turn) {
        if (order === "cancel") yield* turn.cancel("charge")
        else if (order === "later") yield* turn.set("charge", { after: "1 hour" })
        else yield* turn.set("charge", { every: "1 minute", missed: order as "once" | "all" | "skip" })
        return state
      }),
      timer: {
        charge: (state, turn) =>
          world.down
            ? Effect.fail(new Unavailable())
            : Effect.sync(() => {
                const due = turn.idempotencyKey.slice("counter/ada/charge/1970-01-01T".length, -8)
                world.fired.push(due)
                return [...state, due]
              })
      }
    })
    .errors({ Unavailable: { retry: { base: "10 minutes", factor: 1 }, then: "hold" } })
  const topology = Topology.make("test", actor)
  return { actor, world, topology, layer: TestKit.layer(topology) }
}

/** A process on the broker there is, which can be stopped. */
const started = Effect.fnUntraced(function* (topology: Topology<Kafka>) {
  const scope = yield* Scope.make()
  const actors = Context.get(yield* Layer.buildWithScope(Topology.layer(topology), scope), Actors)
  const quiet = Effect.repeat(Effect.yieldNow, { times: 2_000 })
  return { actors, quiet, stop: Scope.close(scope, Exit.void) }
})

describe("a timer", () => {
  for (const [missed, expected] of [
    ["once", ["00:01", "00:06"]],
    ["all", ["00:01", "00:02", "00:03", "00:04", "00:05", "00:06"]],
    ["skip", ["00:06"]]
  ] as const) {
    it.effect(`missed while nobody ran takes effect as its policy says: ${missed}`, () => {
      const { topology, world } = counter()
      return Effect.gen(function* () {
        const first = yield* started(topology)
        yield* Log.use((log) => log.append(orders, "ada", missed))
        yield* first.quiet
        yield* first.stop
        yield* TestClock.setTime(330_000)
        const second = yield* started(topology)
        yield* second.quiet
        yield* TestClock.adjust("30 seconds")
        yield* second.quiet
        assert.deepStrictEqual(world.fired, [...expected])
        yield* second.stop
      }).pipe(Effect.provide(Log.layer.pipe(Layer.provideMerge(Embedded.layerMemory))))
    })
  }

  it.effect(
    "that may not be settled is the only one of its key that has taken effect outside: none is missing from the log in the end",
    () => {
      const { topology, world } = counter()
      return Effect.gen(function* () {
        const { quiet, stop } = yield* started(topology)
        const { control } = yield* EmbeddedBroker
        yield* Log.use((log) => log.append(orders, "ada", "once"))
        yield* quiet
        yield* TestClock.adjust("1 minute")
        yield* quiet
        const lost = yield* Deferred.make<"fail">()
        yield* control.intercept(({ kind }) => (kind === "end" ? Deferred.await(lost) : Effect.succeed("pass")))
        for (let minute = 0; minute < 4; minute++) {
          yield* TestClock.adjust("1 minute")
          yield* quiet
        }
        assert.deepStrictEqual(world.fired, ["00:01", "00:02"])
        yield* Deferred.succeed(lost, "fail")
        yield* control.intercept(() => Effect.succeed("pass"))
        yield* quiet
        yield* TestClock.adjust("1 minute")
        yield* quiet
        assert.deepStrictEqual(world.fired, ["00:01", "00:02", "00:02", "00:06"])
        yield* stop
      }).pipe(Effect.provide(Log.layer.pipe(Layer.provideMerge(Embedded.layerMemory))))
    }
  )

  it.effect("is cancelled and set anew by name while its own retry waits", () => {
    const { actor, layer, world } = counter()
    return Effect.gen(function* () {
      const kit = yield* TestKit
      world.down = true
      yield* kit.send(orders, "ada", "later")
      yield* kit.quiet
      yield* TestClock.adjust("61 minutes")
      yield* kit.quiet
      world.down = false
      yield* kit.send(orders, "ada", "cancel")
      yield* kit.quiet
      yield* TestClock.adjust("30 minutes")
      yield* kit.quiet
      assert.deepStrictEqual(yield* kit.state(actor, "ada"), Option.none())
      yield* kit.send(orders, "ada", "later")
      yield* kit.quiet
      world.down = true
      yield* TestClock.adjust("61 minutes")
      yield* kit.quiet
      yield* kit.send(orders, "ada", "later")
      yield* kit.quiet
      world.down = false
      yield* TestClock.adjust("50 minutes")
      yield* kit.quiet
      assert.deepStrictEqual(yield* kit.state(actor, "ada"), Option.none(), "its old retry is gone")
      yield* TestClock.adjust("10 minutes")
      yield* kit.quiet
      assert.strictEqual(Option.getOrThrow(yield* kit.state(actor, "ada")).length, 1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("of a partition that has been taken anew takes no place among those that are due", () => {
    const { topology, world } = counter()
    return Effect.gen(function* () {
      const { quiet, stop } = yield* started(topology)
      const { control } = yield* EmbeddedBroker
      for (let n = 0; n < 400; n++) {
        yield* Log.use((log) => log.append(orders, `key-${n}`, "later"))
        if (n % 10 < 9) continue
        yield* quiet
        yield* TestClock.adjust(1)
      }
      yield* quiet
      // Each time the answer is lost, and the partition is restored, with all of its timers.
      for (let time = 0; time < 4; time++) {
        let left = 1
        yield* control.intercept(({ kind }) => Effect.succeed(kind === "end" && left-- > 0 ? "lose" : "pass"))
        yield* Log.use((log) => log.append(orders, "ada", "later"))
        yield* quiet
      }
      yield* TestClock.adjust("1 hour")
      yield* quiet
      assert.strictEqual(world.fired.length, 401, "the due times of 40 milliseconds fit into one round")
      yield* stop
    }).pipe(Effect.provide(Log.layer.pipe(Layer.provideMerge(Embedded.layerMemory))))
  })
})
