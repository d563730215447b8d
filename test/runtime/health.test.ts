import { assert, describe, it } from "@effect/vitest"
import { Context, DateTime, Effect, Layer, Logger, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Actor, Actors, Kafka, Log, Topic, Topology } from "../../src/index.ts"
import { EmbeddedBroker, layerMemory } from "../../src/kafka/embedded/embedded.ts"
import { TransactionError } from "../../src/kafka/errors.ts"
import type { ProducerRecord } from "../../src/kafka/records.ts"
import { admit } from "../../src/runtime/admission.ts"
import { setTimer } from "../../src/runtime/completion.ts"
import { obey } from "../../src/runtime/control.ts"
import { partitionStatus } from "../../src/runtime/health.ts"
import type { Circumstances } from "../../src/runtime/health.ts"
import { parkHolders } from "../../src/runtime/parking.ts"
import type { Partition } from "../../src/runtime/partition.ts"
import { nextTask } from "../../src/runtime/task.ts"
import { TestKit } from "../../src/testing/testKit.ts"
import { batchOf, fiber, handled, partitionOf, record } from "./world.ts"

const calm = { stuckAfter: 30_000, settling: undefined, gatedSince: undefined }
const heldAt = (partition: Partition, now: number, others: Partial<Circumstances> = {}) =>
  partitionStatus(partition, { ...calm, ...others, now }).held

describe("what holds a partition", () => {
  it("is nothing while there is nothing to do, however long", () => {
    assert.isNull(heldAt(partitionOf(), 1e9))
  })

  it("is the key whose message waits for a worker, once nothing has settled for the limit", () => {
    const partition = partitionOf()
    admit(partition, batchOf([record(0, "a")]), 5_000)
    assert.isNull(heldAt(partition, 34_999))
    assert.deepStrictEqual(heldAt(partition, 35_000), {
      key: "a",
      by: "worker",
      since: "1970-01-01T00:00:05.000Z",
      cause: "its message waits for a worker"
    })
  })

  it("is the key whose handler runs, also when its message is parked and the rest goes on", () => {
    const partition = partitionOf()
    admit(partition, batchOf([record(0, "a")]), 0)
    const cell = partition.cells.get("a")!
    partition.started(cell, { task: nextTask(partition, cell, 0)!, since: 0, fiber })
    parkHolders(partition, 1_000)
    partition.settled(partition.settleSet(10, 1e6)!)
    partition.progressAt = 29_000
    assert.isNull(heldAt(partition, 29_999))
    assert.deepInclude(heldAt(partition, 30_000), { key: "a", cause: "its handler is running" })
  })

  it("is told also where a producer's clock told no date", () => {
    const partition = partitionOf()
    admit(partition, batchOf([{ ...record(0, "a"), timestamp: 9e15 }]), 0)
    const cell = partition.cells.get("a")!
    handled(partition, cell, nextTask(partition, cell, 0)!, { _tag: "Hold", cause: "Declined" })
    const { held, oldestParked } = partitionStatus(partition, { ...calm, now: 1_000 })
    assert.deepStrictEqual([held?.cause, oldestParked], ["Declined", "1970-01-01T00:00:01.000Z"])
  })

  it("is the transaction that stays open, before the messages behind it", () => {
    const partition = partitionOf()
    admit(partition, batchOf([record(0, "a")]), 0)
    const settling = { id: "app.sum.main.0", since: 1_000, cause: "open" }
    assert.deepInclude(heldAt(partition, 31_000, { settling }), { key: "app.sum.main.0", cause: "open" })
  })

  it("is the group while it is rebalancing, and the broker while there is more to read than it gives", () => {
    const partition = partitionOf()
    admit(partition, batchOf([record(0, "a")], 9), 0)
    assert.deepInclude(heldAt(partition, 30_000, { gatedSince: 0 }), { key: "group" })
    const cell = partition.cells.get("a")!
    const task = nextTask(partition, cell, 0)!
    handled(partition, cell, task, { _tag: "Settled" })
    partition.settled(partition.settleSet(10, 1e6)!)
    assert.deepInclude(heldAt(partition, 30_000), { key: "numbers", cause: "waiting for the broker" })
  })

  it("is a key held for an operator, at once", () => {
    const partition = partitionOf()
    admit(partition, batchOf([record(0, "a")]), 0)
    const cell = partition.cells.get("a")!
    const task = nextTask(partition, cell, 0)!
    handled(partition, cell, task, { _tag: "Hold", cause: "Declined" }, 7)
    partition.settled(partition.settleSet(10, 1e6)!)
    assert.deepStrictEqual(heldAt(partition, 8), {
      key: "a",
      since: "1970-01-01T00:00:00.007Z",
      cause: "Declined"
    })
  })

  it("is the handler that hangs, also where another key has waited longer for an operator, which is told beside it", () => {
    const partition = partitionOf()
    admit(partition, batchOf([record(0, "a"), record(1, "b")]), 0)
    const [a, b] = [partition.cells.get("a")!, partition.cells.get("b")!]
    handled(partition, a, nextTask(partition, a, 0)!, { _tag: "Hold", cause: "Declined" }, 7)
    partition.started(b, { task: nextTask(partition, b, 0)!, since: 8, fiber })
    parkHolders(partition, 1_000)
    partition.settled(partition.settleSet(10, 1e6)!)
    partition.progressAt = 39_000
    const { held, stuck } = partitionStatus(partition, { ...calm, now: 40_000 })
    assert.deepInclude(held, { key: "b", by: "handler" })
    assert.deepStrictEqual(
      stuck?.keys.map(({ key }) => key),
      ["a"]
    )
  })

  it("is a key whose timer is held for an operator, also after a restore, until it is tried again", () => {
    const partition = partitionOf()
    const cell = partition.cell("a")
    const timer = { due: 5, when: { at: 5 }, attempt: 0 }
    setTimer(partition, cell, "renew", timer)
    const task = { _tag: "Timer", name: "renew", timer, attempt: 1 } as const
    handled(partition, cell, task, { _tag: "Hold", cause: "Declined" }, 7)
    partition.settled(partition.settleSet(10, 1e6)!)
    const told = { key: "a", since: "1970-01-01T00:00:00.007Z", cause: "timer renew: Declined" }
    assert.deepStrictEqual(heldAt(partition, 8), told)
    partition.waiting.clear()
    partition.activate(0, "id")
    assert.deepStrictEqual(heldAt(partition, 8), told)
    const message = { ...batchOf([record(0, "a")]).records[0]!, cell, bytes: 0, weight: 0, done: true, next: 1 }
    obey(partition, message, { op: "resume" }, 9, new Map())
    assert.isNull(heldAt(partition, 10))
  })
})

describe("what a partition has settled", () => {
  it("is counted in turns, also that of a timer, and not in what a transaction adds to the log", () => {
    const partition = partitionOf()
    const turns = () => partitionStatus(partition, { ...calm, now: 0 }).turns
    assert.strictEqual(turns(), 0)
    // Three messages, and markers up to offset 9.
    admit(partition, batchOf([record(0, "a"), record(2, "b"), record(4, "c")], 9), 0)
    for (const cell of partition.cells.values()) {
      const task = nextTask(partition, cell, 0)!
      handled(partition, cell, task, { _tag: "Settled" })
    }
    assert.strictEqual(turns(), 0)
    partition.settled(partition.settleSet(10, 1e6)!)
    assert.strictEqual(turns(), 3)
    const cell = partition.cell("a")
    const timer = { due: 5, when: { at: 5 }, attempt: 0 }
    setTimer(partition, cell, "renew", timer)
    const task = { _tag: "Timer", name: "renew", timer, attempt: 1 } as const
    handled(partition, cell, task, { _tag: "Settled" }, 7)
    partition.settled(partition.settleSet(10, 1e6)!)
    assert.strictEqual(turns(), 4)
  })
})

describe("what waits for an operator", () => {
  const pause = (partition: Partition, key: string, now: number) => {
    const cell = partition.cell(key)
    const message = { ...batchOf([record(0, key)]).records[0]!, cell, bytes: 0, weight: 0, done: true, next: 1 }
    obey(partition, message, { op: "pause" }, now, new Map())
  }

  it("is every paused key, the longest first, though only those with a message hold the partition", () => {
    const partition = partitionOf()
    for (let n = 0; n < 25; n++) pause(partition, `k${n}`, 100 - n)
    const { held, oldestParked, stuck } = partitionStatus(partition, { ...calm, now: 200 })
    assert.isNull(held)
    assert.isUndefined(oldestParked)
    assert.strictEqual(stuck?.count, 25)
    assert.lengthOf(stuck?.keys ?? [], 20)
    assert.deepStrictEqual(stuck?.keys[0], {
      key: "k24",
      since: "1970-01-01T00:00:00.076Z",
      cause: "paused by an operator"
    })
  })

  it("is nothing where nothing is held", () => {
    assert.isUndefined(partitionStatus(partitionOf(), { ...calm, now: 0 }).stuck)
  })
})

const words = Topic.make("words", { value: Schema.String, partitions: 1 })
const sleeper = Actor.make("sleeper", { inbox: words, state: Schema.String, initial: "" }).handle({
  message: (_, word) => Effect.as(word === "sleep" ? Effect.sleep("1 minute") : Effect.void, word)
})
const running = Effect.provide(TestKit.layer(Topology.make("test", sleeper)))
const held = Actors.use((actors) =>
  Effect.sync(() => {
    const { replicas, state } = actors.status().find(({ name }) => name === "sleeper")!
    return { state, held: replicas[0]!.partitions[0]!.held }
  })
)

describe("the health of an actor", () => {
  it.effect("names the key of a handler that runs for long, until it is done", () =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      yield* kit.send(words, "ada", "sleep")
      yield* kit.quiet
      yield* TestClock.adjust("29 seconds")
      assert.isNull((yield* held).held)
      yield* TestClock.adjust("2 seconds")
      assert.deepInclude((yield* held).held, { key: "ada", cause: "its handler is running" })
      yield* TestClock.adjust("30 seconds")
      yield* kit.quiet
      assert.deepStrictEqual(yield* held, { state: "running", held: null })
    }).pipe(running)
  )

  it.effect("is restoring, and no trouble before its changelog has stood still for half a minute", () =>
    Effect.gen(function* () {
      const [kit, broker] = [yield* TestKit, yield* EmbeddedBroker]
      yield* TestClock.adjust("1 day")
      yield* kit.send(words, "ada", "a")
      yield* kit.quiet
      yield* broker.control.intercept(({ kind, subjects }) =>
        Effect.succeed(kind === "fetch" && subjects.includes("sleeper.state") ? "fail" : "pass")
      )
      yield* kit.crash(sleeper)
      yield* Effect.repeat(TestClock.adjust("1 second"), { times: 15 })
      assert.deepStrictEqual(yield* held, { state: "restoring", held: null })
      yield* TestClock.adjust("31 seconds")
      assert.deepInclude((yield* held).held, { by: "changelog" })
      assert.match((yield* held).held!.since, /^1970-01-02T/)
      yield* broker.control.heal
      yield* TestClock.adjust("1 second")
      yield* kit.quiet
      assert.deepStrictEqual(yield* held, { state: "running", held: null })
    }).pipe(running)
  )

  it.effect("is waiting once its reader has had no answer for ten seconds, until it has one", () =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      const broker = yield* EmbeddedBroker
      yield* kit.quiet
      yield* broker.control.intercept(({ kind }) => Effect.succeed(kind === "fetch" ? "fail" : "pass"))
      yield* kit.send(words, "ada", "a")
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual((yield* held).state, "running")
      yield* TestClock.adjust("2 seconds")
      const status = yield* Actors.use((actors) => Effect.sync(() => actors.status()))
      const [replica] = status.find(({ name }) => name === "sleeper")!.replicas
      assert.strictEqual(replica!.state, "waiting")
      assert.deepInclude(replica!.trouble, {
        cause: "no broker could be reached (fetch words)",
        error: "KafkaError/Unavailable"
      })
      yield* broker.control.heal
      yield* TestClock.adjust("1 second")
      yield* kit.quiet
      assert.strictEqual((yield* held).state, "running")
    }).pipe(running)
  )

  it.effect("names the changelog of a restore that stands still, since it last moved, and not one that goes on", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_000)
      const kit = yield* TestKit
      const broker = yield* EmbeddedBroker
      yield* kit.send(words, "ada", "a")
      yield* kit.quiet
      yield* broker.control.intercept(({ kind, subjects }) =>
        Effect.succeed(kind === "fetch" && subjects.includes("sleeper.state") ? "fail" : "pass")
      )
      yield* kit.crash(sleeper)
      yield* kit.quiet
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* held, { state: "restoring", held: null })
      yield* TestClock.adjust("31 seconds")
      const since = DateTime.toEpochMillis(DateTime.makeUnsafe((yield* held).held!.since))
      assert.include((yield* held).held!.cause, "restoring: at offset")
      assert.isAtLeast(since, 1_700_000_000_000)
      assert.isAtMost(since, 1_700_000_005_000)
    }).pipe(running)
  )

  it.effect("names the transaction that the broker does not answer, while heartbeats go on", () =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      const broker = yield* EmbeddedBroker
      yield* kit.send(words, "ada", "a")
      yield* kit.quiet
      yield* broker.control.intercept(({ kind }) =>
        Effect.as(kind === "end" ? Effect.sleep("5 minutes") : Effect.void, "pass" as const)
      )
      yield* kit.send(words, "ada", "b")
      yield* TestClock.adjust("1 second")
      yield* Effect.repeat(TestClock.adjust("1 second"), { times: 40 })
      const now = yield* held
      assert.strictEqual(now.state, "running")
      assert.deepInclude(now.held, { key: "sixfold.sleeper.main.0" })
      yield* broker.control.heal
      yield* TestClock.adjust("5 minutes")
      yield* kit.quiet
      assert.isNull((yield* held).held)
    }).pipe(running)
  )

  /** The sleeper on a broker whose commits end as told; `restores`: barriers written. */
  const committing = Effect.fnUntraced(function* (
    outcome: (records: ReadonlyArray<ProducerRecord>) => Effect.Effect<void, TransactionError>
  ) {
    const kafka = yield* Kafka
    const world = { restores: 0 }
    const through: Kafka["Service"] = {
      ...kafka,
      producer: Effect.map(kafka.producer, (producer) => ({
        send: (records) => {
          if (records[0]!.topic === "sleeper.state") world.restores++
          return producer.send(records)
        }
      })),
      transactor: (options) =>
        Effect.map(kafka.transactor(options), ({ commit }) => ({
          commit: (transaction) => Effect.andThen(outcome(transaction.records), commit(transaction))
        }))
    }
    const layer = Topology.layer(Topology.make("test", sleeper))
    const actors = Context.get(yield* Layer.build(Layer.provide(layer, Layer.succeed(Kafka, through))), Actors)
    const pass = (seconds: number) =>
      Effect.repeat(Effect.andThen(TestClock.adjust("1 second"), Effect.repeat(Effect.yieldNow, { times: 100 })), {
        times: seconds - 1
      })
    const partition = () => actors.status().find(({ name }) => name === "sleeper")!.replicas[0]!.partitions[0]!
    yield* pass(2)
    return { world, pass, partition }
  })
  const onBroker = Effect.provide([Log.layer.pipe(Layer.provideMerge(layerMemory)), Logger.layer([])])

  it.effect(
    "names the transaction whose dead letter the broker does not take, either, and does not restore again and again",
    () =>
      Effect.gen(function* () {
        let takes = false
        const { partition, pass, world } = yield* committing((records) =>
          !takes && records.some(({ topic }) => topic === "sleeper.dead-letters")
            ? Effect.fail(new TransactionError({ outcome: "refused", message: "MESSAGE_TOO_LARGE" }))
            : Effect.void
        )
        const producer = yield* (yield* Kafka).producer
        const garbage = { topic: "words", partition: 0, key: Uint8Array.of(97), value: Uint8Array.of(1), headers: [] }
        yield* producer.send([{ ...garbage, timestamp: 0 }])
        yield* pass(33)
        assert.deepInclude(partition().held, {
          key: "sixfold.sleeper.main.0",
          by: "transaction",
          cause: "its transaction did not commit: MESSAGE_TOO_LARGE"
        })
        // At the start, for its dead letter, and for that without the turn of the actor.
        assert.strictEqual(world.restores, 3)
        takes = true
        yield* pass(2)
        assert.deepInclude(partition(), { lag: 0, held: null })
      }).pipe(Effect.scoped, onBroker)
  )

  it.effect("counts from the last settle, also where the partition is restored again and again", () =>
    Effect.gen(function* () {
      let answers = true
      const { partition, pass, world } = yield* committing(() =>
        answers
          ? Effect.void
          : Effect.delay(Effect.fail(new TransactionError({ outcome: "unclear", message: "no answer" })), "8 seconds")
      )
      const log = yield* Log
      yield* log.append(words, "ada", "a")
      yield* pass(2)
      answers = false
      yield* log.append(words, "ada", "b")
      yield* pass(40)
      assert.isAbove(world.restores, 3)
      assert.deepInclude(partition().held, { by: "transaction", cause: "its transaction did not commit: no answer" })
      answers = true
      yield* pass(10)
      assert.deepInclude(partition(), { lag: 0, held: null })
      yield* log.append(words, "ada", "c")
      yield* pass(2)
      assert.isNull(partition().held)
    }).pipe(Effect.scoped, onBroker)
  )
})
