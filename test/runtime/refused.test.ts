import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Actor, Actors, Kafka, Log, Topic, Topology } from "../../src/index.ts"
import type { KafkaError } from "../../src/index.ts"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import type { Ending } from "../../src/runtime/attempt.ts"
import { closed } from "../../src/runtime/closure.ts"
import { admit } from "../../src/runtime/admission.ts"
import { commandHeaders, encodeCommand } from "../../src/runtime/control.ts"
import { complete } from "../../src/runtime/completion.ts"
import { nextTask } from "../../src/runtime/task.ts"
import { Cell } from "../../src/runtime/cell.ts"
import { readState } from "../../src/testing/reading.ts"
import { calm } from "./calm.ts"
import { batchOf, definition, fiber, handled, outcomeOf, partitionOf, record } from "./world.ts"

const orders = Topic.make("orders", { value: Schema.String, partitions: 3 })
const receipts = Topic.make("receipts", { value: Schema.String, partitions: 3 })
/** The broker takes no larger receipt; the declaration does not say so. */
const limit = 600
const large = "x".repeat(5_000)

/** Keeps what it is told; "bad" writes a receipt that no broker takes, and "later …" does the rest with the timer. */
const clerk = Actor.make("clerk", {
  inbox: orders,
  emits: [receipts],
  state: Schema.Struct({ said: Schema.String, later: Schema.String }),
  initial: { said: "", later: "" },
  timers: ["later"]
}).handle({
  message: Effect.fnUntraced(function* (state, order, turn) {
    if (order.startsWith("later ")) {
      yield* turn.set("later", { after: "1 minute" })
      return { ...state, later: order.slice(6) }
    }
    if (order === "bad") yield* turn.emit(receipts, turn.key, large)
    return { ...state, said: order }
  }),
  timer: {
    later: Effect.fnUntraced(function* (state, turn) {
      if (state.later === "bad") yield* turn.emit(receipts, turn.key, "y".repeat(limit))
      return { later: "", said: state.later }
    })
  }
})

const run = (
  story: (
    send: (key: string, order: string) => Effect.Effect<void, KafkaError>,
    quiet: Effect.Effect<void>
  ) => Effect.Effect<void, KafkaError>
): Effect.Effect<ReadonlyArray<string | undefined>> =>
  Effect.gen(function* () {
    const kafka = yield* Kafka
    yield* kafka.topics.ensure([{ ...receipts.spec, maxMessageBytes: limit }])
    const log = Context.get(yield* Layer.build(Log.layer), Log)
    const actors = Context.get(yield* Layer.build(Topology.layer(Topology.make("test", clerk))), Actors)
    const quiet = calm(actors)
    yield* quiet
    yield* story((key, order) => Effect.asVoid(log.append(orders, key, order)), quiet)
    const states = yield* Effect.forEach(keys, (key) => readState(kafka, clerk, key))
    return states.map((state) => Option.getOrUndefined(state)?.said)
  }).pipe(Effect.scoped, Effect.provide(Embedded.layerMemory), Effect.orDie)

const keys = Array.from({ length: 9 }, (_, n) => `key-${n}`)

describe("a turn that the broker refuses", () => {
  it.effect("is the only one of its settle that dies, however large what the innocent ones write", () =>
    Effect.gen(function* () {
      const said = yield* run((send, quiet) =>
        Effect.gen(function* () {
          for (const [n, key] of keys.entries()) yield* send(key, n === 4 ? "bad" : large)
          yield* quiet
        })
      )
      assert.deepStrictEqual(
        said.map((it) => it?.length),
        keys.map((_, n) => (n === 4 ? undefined : large.length))
      )
    })
  )

  it.effect("is found among timers that are due together, too", () =>
    Effect.gen(function* () {
      const said = yield* run((send, quiet) =>
        Effect.gen(function* () {
          for (const [n, key] of keys.entries()) yield* send(key, `later ${n === 4 ? "bad" : large}`)
          yield* quiet
          yield* TestClock.adjust("1 minute")
          yield* quiet
        })
      )
      assert.deepStrictEqual(
        said.map((it) => it?.length),
        keys.map((_, n) => (n === 4 ? 0 : large.length))
      )
    })
  )
})

describe("a set of one turn", () => {
  it("can be settled whenever anything can: turns that consume nothing are split, too", () => {
    const [ada, bob] = [new Cell("ada"), new Cell("bob")]
    const turn = (cell: Cell, offset: number) => ({ cell, offset })
    const finished = [turn(ada, -1), turn(bob, -1), turn(ada, 3), turn(bob, 4)]
    const first = closed(finished, 5, 1)
    assert.deepStrictEqual([first.next, first.included], [3, [finished[0]]])
    const later = closed(finished.slice(2), 5, 1)
    assert.deepStrictEqual([later.next, later.included], [4, [finished[2]]])
  })

  it("can be settled also where the message before all others has finished last", () => {
    const partition = partitionOf()
    const [ada, bob] = [partition.cell("ada"), partition.cell("bob")]
    admit(partition, batchOf([record(0, "ada"), record(1, "bob")]), 0)
    const take = (cell: Cell, ending: Ending) => {
      const task = nextTask(partition, cell, 1)!
      handled(partition, cell, task, ending)
    }
    take(bob, { _tag: "Retry", cause: "c", delay: 1 })
    take(bob, { _tag: "Settled" })
    take(ada, { _tag: "Settled" })
    const set = partition.settleSet(2, 1e6, 2)
    assert.deepStrictEqual([set?.position.next, set?.included.map(({ cell }) => cell.key)], [1, ["ada"]])
  })

  it("can be settled around a command: what its key has begun is parked before it is obeyed", () => {
    for (const op of ["pause", "resume", "skip"] as const) {
      const partition = partitionOf()
      const [ada, bob] = [partition.cell("ada"), partition.cell("bob")]
      const begin = (cell: Cell) => {
        const task = nextTask(partition, cell, 0)!
        partition.started(cell, { task, since: 0, fiber })
        return () => {
          partition.stopped(cell)
          complete(partition, cell, task, outcomeOf(cell, { _tag: "Settled" }), 1)
        }
      }
      admit(partition, batchOf([record(0, "ada"), record(1, "bob"), record(2, "bob")]), 0)
      const ending = begin(ada)
      begin(bob)()
      const command = { ...record(3, "ada"), value: encodeCommand({ op }), headers: commandHeaders(definition.name) }
      admit(partition, batchOf([command]), 0)
      ending()
      begin(bob)()
      for (let set = partition.settleSet(1, 1e6, 1); set !== undefined; set = partition.settleSet(1, 1e6, 1)) {
        assert.strictEqual(set.included.length, 1, op)
        partition.settled(set)
      }
      assert.deepStrictEqual([partition.position.next, partition.unsettled], [4, 0], op)
    }
  })
})
