import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import { TestClock } from "effect/testing"
import { TransactionError } from "../../src/kafka/errors.ts"
import type { TransactionOutcome } from "../../src/kafka/errors.ts"
import type { Kafka, Member, Membership, Transaction } from "../../src/kafka/kafka.ts"
import type { Outcome } from "../../src/runtime/attempt.ts"
import { admit } from "../../src/runtime/admission.ts"
import { complete } from "../../src/runtime/completion.ts"
import * as Settler from "../../src/runtime/settler.ts"
import { nextTask } from "../../src/runtime/task.ts"
import { batchOf, fiber, numbers, outcomeOf, partitionOf, record } from "./world.ts"

const failing = (outcome: TransactionOutcome) => Effect.fail(new TransactionError({ outcome, message: outcome }))

/** A settler of one partition with one finished message, on a broker that answers as told, and then that all is well. */
const settling = Effect.fnUntraced(function* (answers: Array<Effect.Effect<void, TransactionError>>) {
  const partition = partitionOf()
  const finish = (offset: number, emitted: Outcome["emitted"] = []) => {
    admit(partition, batchOf([record(offset, "a")]), 0)
    const cell = partition.cells.get("a")!
    const task = nextTask(partition, cell, 0)!
    partition.started(cell, { task, since: 0, fiber })
    partition.stopped(cell)
    complete(partition, cell, task, { ...outcomeOf(cell, { _tag: "Settled" }), emitted }, 0)
  }
  finish(0)
  const world = { log: [] as Array<string>, generation: 1 as number | undefined, partition, finish }
  let epoch = 0
  const kafka = {
    transactor: () =>
      Effect.sync(() => {
        const mine = ++epoch
        return {
          commit: ({ offsets }: Transaction) =>
            Effect.suspend(() => {
              const { committed, membership } = offsets!
              world.log.push(`epoch ${mine} generation ${membership.generation} next ${committed[0]!.offset}`)
              return answers.shift() ?? Effect.void
            })
        }
      })
  } as unknown as Kafka["Service"]
  const membership = Effect.sync((): Option.Option<Membership> => {
    const { generation } = world
    return generation === undefined ? Option.none() : Option.some({ group: "g", memberId: "m", generation })
  })
  const settler = yield* Settler.make({
    actor: "sum",
    meter: { turned: () => {}, settled: () => {}, settleFailed: () => {} },
    kafka,
    transactionalId: "test.sum.main.0",
    isAtLeastOnce: false,
    changelog: "sum.state",
    member: Effect.succeed({ membership } as unknown as Member),
    partitions: () => [partition],
    ensure: Effect.void,
    settled: () => Effect.void,
    lookAgain: () => {},
    rebuild: Effect.sync(() => void world.log.push("restore")),
    refused: () => Effect.succeed(true)
  })
  yield* settler.resume
  const running = yield* Effect.forkScoped(Effect.exit(settler.run))
  settler.signal()
  yield* TestClock.adjust(0)
  return { answers, world, settler, running }
})

describe("a settle", () => {
  it.effect("that the broker aborted is made again from memory, a little later and in an epoch of its own", () =>
    Effect.gen(function* () {
      const { world } = yield* settling([failing("aborted")])
      assert.deepStrictEqual(world.log, ["epoch 1 generation 1 next 1"])
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(world.log, ["epoch 1 generation 1 next 1", "epoch 2 generation 1 next 1"])
      assert.strictEqual(world.partition.unsettled, 0)
    })
  )

  it.effect("begins only after what it was signalled in the middle of", () =>
    Effect.gen(function* () {
      const { settler, world } = yield* settling([])
      world.finish(1)
      settler.signal()
      world.finish(2)
      assert.deepStrictEqual(world.log.splice(0), ["epoch 1 generation 1 next 1"])
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(world.log, ["epoch 1 generation 1 next 3"])
    })
  )

  it.effect("takes all that has finished meanwhile, but no more than 5,000 messages and 4 MiB at a time", () =>
    Effect.gen(function* () {
      const { answers, settler, world } = yield* settling([])
      const nexts = Effect.sync(() => world.log.splice(0).map((line) => Number(line.split("next ")[1])))
      yield* nexts
      answers.push(Effect.sleep("1 second"))
      world.finish(1)
      settler.signal()
      yield* TestClock.adjust(0)
      for (let offset = 2; offset <= 7_000; offset++) world.finish(offset)
      settler.signal()
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* nexts, [2, 5_002, 7_001])
      const common = { declared: numbers, topic: "numbers", partition: 0, key: null, headers: [], timestamp: 0 }
      const large = { ...common, value: new Uint8Array(1_000_000) }
      for (let offset = 7_001; offset <= 7_006; offset++) world.finish(offset, [large])
      settler.signal()
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(yield* nexts, [7_005, 7_007])
    })
  )

  it.effect("without an answer is not guessed: first a new epoch, then what is owned is restored", () =>
    Effect.gen(function* () {
      const { world } = yield* settling([failing("unclear")])
      assert.deepStrictEqual(world.log, [
        "epoch 1 generation 1 next 1",
        "restore",
        "epoch 2 generation 1 next 1" // this partition was not given up: it settles again
      ])
    })
  )

  it.effect("of a generation that is over waits for the next membership", () =>
    Effect.gen(function* () {
      const { settler, world } = yield* settling([Effect.andThen(Effect.sleep("1 second"), failing("stale"))])
      world.generation = undefined
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(world.log.length, 1)
      world.generation = 2
      yield* settler.resume
      settler.signal()
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(world.log.slice(1), ["epoch 2 generation 2 next 1"])
    })
  )

  it.effect(
    "is tried again while a coordinator calls a generation over that goes on: it was cut off, and nobody joins anew",
    () =>
      Effect.gen(function* () {
        const { settler, world } = yield* settling(Array.from({ length: 3 }, () => failing("stale")))
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(
          world.log,
          [1, 2, 3, 4].map((epoch) => `epoch ${epoch} generation 1 next 1`)
        )
        assert.strictEqual(world.partition.unsettled, 0)
        assert.isUndefined(settler.gatedSince())
      })
  )

  it.effect("whose answer says so after the next assignment goes on with that one, and waits for no other", () =>
    Effect.gen(function* () {
      const { settler, world } = yield* settling([Effect.andThen(Effect.sleep("1 second"), failing("stale"))])
      world.generation = 2
      yield* settler.resume
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(world.log, ["epoch 1 generation 1 next 1", "epoch 2 generation 2 next 1"])
      assert.isUndefined(settler.gatedSince())
    })
  )

  it.effect("begins only while the gate is open: between the hook before a join and the assignment there is none", () =>
    Effect.gen(function* () {
      const { settler, world } = yield* settling([])
      world.log.length = 0
      yield* settler.pause(Effect.void)
      assert.strictEqual(settler.gatedSince(), 0)
      world.finish(1)
      settler.signal()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(world.log, [])
      yield* settler.resume
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(world.log, ["epoch 1 generation 1 next 2"])
    })
  )

  it.effect("that is fenced ends the replica by name", () =>
    Effect.gen(function* () {
      const { running } = yield* settling([failing("fenced")])
      assert.include(String(yield* Fiber.join(running)), "two processes share test.sum.main.0")
    })
  )

  it.effect("that the end of a drain cut off is as unclear as one without an answer", () =>
    Effect.gen(function* () {
      const { answers, settler, world } = yield* settling([])
      world.log.length = 0
      world.finish(1)
      answers.push(Effect.never)
      const drained = yield* Effect.forkChild(settler.pause(Effect.timeoutOption(settler.now, "1 second")))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(drained)
      yield* settler.resume
      settler.signal()
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(world.log, ["epoch 1 generation 1 next 2", "restore", "epoch 2 generation 1 next 2"])
    })
  )
})
