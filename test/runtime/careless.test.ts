import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Layer, Option, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Actor, Actors, Kafka, Log, Topic, Topology } from "../../src/index.ts"
import type { AnyActor, KafkaError } from "../../src/index.ts"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import { readLetter } from "../../src/runtime/deadLetter.ts"
import { readPartition, readState } from "../../src/testing/reading.ts"
import { turn } from "../../src/testing/turn.ts"
import { calm } from "./calm.ts"

class Unwell extends Schema.TaggedError<Unwell>()("Unwell", { message: Schema.String }) {}

const orders = Topic.make("orders", { value: Schema.String, partitions: 1 })
const receipts = Topic.make("receipts", { value: Schema.String, partitions: 1 })
/** The broker takes no larger receipt; the declaration does not say so. */
const limit = 600

const spec = { inbox: orders, emits: [receipts], state: Schema.String, initial: "" }

/** Handles what it is told to, badly. */
const clerk = Actor.make("clerk", { ...spec, timers: ["later"] })
  .handle({
    message: Effect.fnUntraced(function* (_, order, turn) {
      switch (order) {
        case "set":
          yield* turn.set("later", { after: "1 minute" })
          break
        case "never":
          yield* turn.set("later", { after: Duration.infinity })
          break
        case "not JSON":
          yield* turn.report("channel", { kind: "sum", sum: 1n })
          break
        case "too much":
          yield* turn.report("channel", { kind: "sum", sum: "1".repeat(2_000_000) })
          break
        case "nothing to show":
          return yield* Effect.die(Object.create(null))
        case "long story":
          return yield* new Unwell({ message: "x".repeat(2_000_000) })
        case "refused":
          return yield* Effect.die("refused")
        case "interrupted":
          yield* Effect.withFiber((fiber) => Effect.sync(() => fiber.interruptUnsafe()))
          yield* Effect.yieldNow
          break
      }
      return order
    }),
    timer: { later: () => Effect.succeed("later") },
    deadLetter: Effect.fnUntraced(function* (_, letter, turn) {
      if (letter.cause === "refused" || letter.cause.startsWith("RecordRefused")) {
        yield* turn.emit(receipts, turn.key, "x".repeat(limit))
      }
      return "dead"
    })
  })
  .errors({ Unwell: "hold" })

const process = (actor: AnyActor) =>
  Effect.gen(function* () {
    const kafka = yield* Kafka
    yield* kafka.topics.ensure([{ ...receipts.spec, maxMessageBytes: limit }])
    const log = Context.get(yield* Layer.build(Log.layer), Log)
    const layer = Topology.layer(Topology.make("test", actor)) as Layer.Layer<Actors, KafkaError, Kafka>
    const actors = Context.get(yield* Layer.build(layer), Actors)
    const quiet = calm(actors)
    yield* quiet
    return {
      send: (key: string, order: string) => log.append(orders, key, order),
      quiet,
      restarts: Effect.sync(() => actors.status().find(({ name }) => name === "clerk")!.replicas[0]!.restarts)
    }
  })

const outcome = Effect.gen(function* () {
  const kafka = yield* Kafka
  const state = (key: string) =>
    Effect.map(
      readState(kafka, clerk, key),
      Option.getOrElse(() => "")
    )
  const dead = yield* readPartition(kafka, { topic: "clerk.dead-letters", partition: 0 })
  return {
    states: [yield* state("bad"), yield* state("good")],
    letters: dead.map((record) => readLetter(record)!.error.slice(0, 40))
  }
})

const handling = (order: string) =>
  Effect.gen(function* () {
    const { quiet, restarts, send } = yield* process(clerk)
    yield* send("bad", order)
    yield* send("good", "order")
    yield* quiet
    yield* TestClock.adjust("10 seconds")
    yield* quiet
    return { ...(yield* outcome), restarts: yield* restarts }
  }).pipe(Effect.scoped, Effect.provide(Embedded.layerMemory))

describe("a handler's carelessness is a failed attempt, and never the end of its replica:", () => {
  const dies = {
    never: "RangeError: no due time",
    "not JSON": "TypeError: Do not know how to serialize",
    "too much": "RecordTooLarge: a record of",
    "nothing to show": "an error that cannot be shown",
    interrupted: "Error: the handler interrupted its own f"
  }
  for (const [order, cause] of Object.entries(dies)) {
    it.effect(order, () =>
      Effect.gen(function* () {
        const { letters, restarts, states } = yield* handling(order)
        assert.deepStrictEqual([states, restarts], [["dead", "order"], 0])
        assert.deepStrictEqual([letters.length, letters[0]?.startsWith(cause)], [1, true], letters[0])
      })
    )
  }

  for (const [what, handler, cause] of [
    ["no Effect", () => undefined, "TypeError: the handler answered no Effec"],
    ["a promise", () => Promise.resolve("order"), "TypeError: the handler answered no Effec"],
    ["an error that nobody decided on", () => Effect.fail({ _tag: "toString" }), "toString"]
  ] as const) {
    it.effect(what, () => {
      // What a program without types could answer.
      const answer = handler as () => unknown as () => Effect.Effect<string>
      const actor = Actor.make("clerk", spec).handle({
        message: (_, order) => (order === "order" ? Effect.succeed(order) : answer())
      })
      return Effect.gen(function* () {
        const { quiet, restarts, send } = yield* process(actor)
        yield* send("bad", what)
        yield* send("good", "order")
        yield* quiet
        yield* TestClock.adjust("10 seconds")
        yield* quiet
        assert.deepStrictEqual([yield* outcome, yield* restarts], [{ states: ["", "order"], letters: [cause] }, 0])
      }).pipe(Effect.scoped, Effect.provide(Embedded.layerMemory))
    })
  }

  it.effect("an error with a long story is held, if that is decided", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* handling("long story"), { states: ["", "order"], letters: [], restarts: 0 })
    })
  )

  it.effect("a dead letter goes without what its own turn adds, where the broker refuses that", () =>
    Effect.gen(function* () {
      const { letters, ...rest } = yield* handling("refused")
      assert.deepStrictEqual(rest, { states: ["", "order"], restarts: 0 })
      assert.deepStrictEqual(
        letters.map((letter) => letter.slice(0, 13)),
        ["RecordRefused"]
      )
    })
  )
})

describe("what a handler acquires", () => {
  const acquiring = (handler: Effect.Effect<void>) => {
    const held = { now: 0, most: 0, failed: 0 }
    const one = Effect.acquireRelease(
      Effect.sync(() => {
        held.now++
        held.most = Math.max(held.most, held.now)
      }),
      () => Effect.sync(() => held.now--)
    )
    const actor = Actor.make("clerk", { ...spec, timeout: "1 second" }).handle({
      message: (_, order) => Effect.as(Effect.andThen(one, handler), order)
    })
    return { actor, held }
  }
  for (const [how, handler] of [
    ["ends", Effect.void],
    ["fails", Effect.die("bad")],
    ["runs out of time", Effect.never]
  ] as const) {
    it.effect(`is released when its turn ${how}`, () => {
      const { actor, held } = acquiring(handler)
      return Effect.gen(function* () {
        const { quiet, send } = yield* process(actor)
        for (let n = 0; n < 5; n++) yield* send("good", `order ${n}`)
        for (let second = 0; second < 60; second++) {
          yield* Effect.repeat(Effect.yieldNow, { times: 50 })
          yield* TestClock.adjust("1 second")
        }
        yield* quiet
        assert.deepStrictEqual([held.now, held.most], [0, 1])
      }).pipe(Effect.scoped, Effect.provide(Embedded.layerMemory))
    })
  }

  it.effect("is released though a release fails, and the turn holds", () => {
    const actor = Actor.make("clerk", spec).handle({
      message: (_, order) =>
        Effect.as(
          Effect.acquireRelease(Effect.void, () => Effect.die("stuck")),
          order
        )
    })
    return Effect.gen(function* () {
      const { quiet, restarts, send } = yield* process(actor)
      yield* send("good", "order")
      yield* quiet
      assert.deepStrictEqual([yield* outcome, yield* restarts], [{ states: ["", "order"], letters: [] }, 0])
    }).pipe(Effect.scoped, Effect.provide(Embedded.layerMemory))
  })

  it.effect("needs no scope of a test of one turn", () => {
    const { actor, held } = acquiring(Effect.void)
    return Effect.map(turn(actor, { key: "good", message: "order" }), ({ state }) => {
      assert.deepStrictEqual([state, held.now, held.most], ["order", 0, 1])
    })
  })
})

it.effect("a handler has all of its time", () => {
  const actor = Actor.make("clerk", { ...spec, timeout: "10 seconds" }).handle({
    message: (_, order) => Effect.as(Effect.sleep("9900 millis"), order)
  })
  return Effect.gen(function* () {
    const { quiet, send } = yield* process(actor)
    yield* send("good", "order")
    for (let tenth = 0; tenth < 110; tenth++) {
      yield* Effect.repeat(Effect.yieldNow, { times: 20 })
      yield* TestClock.adjust("100 millis")
    }
    yield* quiet
    assert.deepStrictEqual(yield* outcome, { states: ["", "order"], letters: [] })
  }).pipe(Effect.scoped, Effect.provide(Embedded.layerMemory))
})

it.effect("a dead letter goes without its own turn, where that runs out of time", () => {
  const actor = Actor.make("clerk", { ...spec, timeout: "1 second" }).handle({
    message: (_, order) => (order === "order" ? Effect.succeed(order) : Effect.die("bad")),
    deadLetter: () => Effect.never
  })
  return Effect.gen(function* () {
    const { quiet, send } = yield* process(actor)
    yield* send("bad", "bad")
    yield* send("bad", "order")
    for (let second = 0; second < 20; second++) {
      yield* Effect.repeat(Effect.yieldNow, { times: 100 })
      yield* TestClock.adjust("1 second")
    }
    yield* quiet
    assert.deepStrictEqual(yield* outcome, {
      states: ["order", ""],
      letters: ["TimedOut: the handler ran for more than "]
    })
  }).pipe(Effect.scoped, Effect.provide(Embedded.layerMemory))
})

it.effect("a timer that the actor has no more is a dead letter", () =>
  Effect.gen(function* () {
    yield* Effect.gen(function* () {
      const { quiet, send } = yield* process(clerk)
      yield* send("bad", "set")
      yield* quiet
    }).pipe(Effect.scoped)
    yield* TestClock.adjust("2 minutes")
    const newer = Actor.make("clerk", spec).handle({ message: (_, order) => Effect.succeed(order) })
    const { quiet, restarts, send } = yield* process(newer)
    yield* send("good", "order")
    yield* quiet
    assert.strictEqual(yield* restarts, 0)
    assert.deepStrictEqual(yield* outcome, {
      states: ["set", "order"],
      letters: ["TimerUnknown: no handler for timer later"]
    })
  }).pipe(Effect.scoped, Effect.provide(Embedded.layerMemory))
)
