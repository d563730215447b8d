import { assert, describe, it } from "@effect/vitest"
import { Context, DateTime, Effect, Layer, Logger, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Actor, Actors, Kafka, Log, Topic, Topology } from "../../src/index.ts"
import { EmbeddedBroker, layerMemory } from "../../src/kafka/embedded/embedded.ts"
import { TransactionError } from "../../src/kafka/errors.ts"
import type { ProducerRecord } from "../../src/kafka/records.ts"
import { TestKit } from "../../src/testing/testKit.ts"

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

  it.effect("names the inbox that another producer's open transaction keeps back, with the lag behind it", () =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      const broker = yield* EmbeddedBroker
      yield* kit.send(words, "ada", "a")
      yield* kit.quiet
      const stuck = broker.client("elsewhere")
      yield* broker.control.intercept(({ client, kind }) =>
        Effect.succeed(kind === "end" && client === stuck.name ? "fail" : "pass")
      )
      const transactor = yield* stuck.kafka.transactor({ transactionalId: "elsewhere", timeout: 3_600_000 })
      const open = { topic: "words", partition: 0, key: Uint8Array.of(97), value: Uint8Array.of(34, 34), headers: [] }
      yield* Effect.forkChild(transactor.commit({ records: [{ ...open, timestamp: 0 }] }))
      yield* TestClock.adjust("20 seconds")
      yield* kit.send(words, "ada", "b")
      yield* TestClock.adjust("9 seconds")
      assert.isNull((yield* held).held)
      yield* TestClock.adjust("30 seconds")
      assert.deepInclude((yield* held).held, {
        key: "words",
        by: "inbox",
        cause: "a transaction is open: nothing behind offset 1 can be read"
      })
      yield* broker.control.heal
      yield* stuck.kafka.transactor({ transactionalId: "elsewhere" })
      yield* TestClock.adjust("1 second")
      yield* kit.quiet
      assert.isNull((yield* held).held)
    }).pipe(Effect.scoped, running)
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
