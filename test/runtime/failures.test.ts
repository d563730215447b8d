import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Option, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Actor, Topic, Topology } from "../../src/index.ts"
import type { Turn } from "../../src/index.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import type { Header, KafkaRecord } from "../../src/kafka/records.ts"
import { commandHeaders, encodeCommand } from "../../src/runtime/control.ts"
import { TestKit } from "../../src/testing/testKit.ts"
import { turn } from "../../src/testing/turn.ts"

class Down extends Schema.TaggedError<Down>()("Down", {}) {}

const jobs = Topic.make("jobs", { value: Schema.String, partitions: 1 })
const notes = Topic.make("notes", { value: Schema.String, partitions: 1 })
const utf8 = new TextEncoder()
const text = new TextDecoder()

/** Fails at "down"; what it tells about it says `told`, and fails itself where that is "badly". */
const worker = (told: "well" | "badly") => {
  const tell = (when: string) =>
    Effect.fnUntraced(function* (state: ReadonlyArray<string>, _: Down, turn: Turn<string>) {
      yield* turn.emit(notes, turn.key, `${when} ${turn.attempt}`)
      if (told === "badly") return yield* Effect.die(new Error("a bug of its own"))
      return [...state, `${when} ${turn.attempt}`]
    })
  return Actor.make("worker", {
    inbox: jobs,
    emits: [notes],
    state: Schema.Array(Schema.String),
    initial: []
  })
    .handle({
      message: Effect.fnUntraced(function* (state, job, turn) {
        yield* turn.emit(notes, turn.key, job)
        return job === "down" ? yield* new Down() : [...state, job]
      })
    })
    .errors({
      Down: {
        retry: { base: "1 second", factor: 1, times: 2 },
        then: "dead-letter",
        onRetry: tell("retry"),
        onGiveUp: tell("gave up")
      }
    })
}

/** All records of the dead letters. */
const letters = Effect.gen(function* () {
  const kafka = yield* Kafka
  const at = { topic: "worker.dead-letters", partition: 0 }
  const found: Array<KafkaRecord> = []
  for (let offset = 0; offset < (yield* kafka.topics.endOffset(at)); offset++) {
    found.push(...Option.toArray(yield* kafka.read({ ...at, offset })))
  }
  return found
})

const write = Effect.fnUntraced(function* (value: Uint8Array | null, headers: ReadonlyArray<Header>) {
  const producer = yield* (yield* Kafka).producer
  yield* producer.send([{ topic: "jobs", partition: 0, key: utf8.encode("ada"), value, headers, timestamp: 7 }])
})

const on = <A, E, R>(actor: ReturnType<typeof worker>, body: Effect.Effect<A, E, R>) =>
  body.pipe(
    Effect.scoped,
    Effect.provide(Layer.provideMerge(TestKit.layer(Topology.make("test", actor)), Logger.layer([])))
  )

const pass = Effect.fnUntraced(function* (seconds: number) {
  const kit = yield* TestKit
  yield* kit.quiet
  for (let second = 0; second < seconds; second++) {
    yield* TestClock.adjust("1 second")
    yield* kit.quiet
  }
})

describe("an error that is retried twice and then given up on", () => {
  it.effect("is told at each attempt, and nothing of the attempts themselves is left", () => {
    const actor = worker("well")
    return on(
      actor,
      Effect.gen(function* () {
        const kit = yield* TestKit
        yield* kit.send(jobs, "ada", "down")
        yield* pass(5)
        const told = ["retry 1", "retry 2", "gave up 3"]
        assert.deepStrictEqual(yield* kit.state(actor, "ada"), Option.some(told))
        assert.deepStrictEqual(
          (yield* kit.read(notes)).map(([, note]) => note),
          told
        )
        assert.strictEqual((yield* letters).length, 1)
      })
    )
  })

  it.effect("stands where telling it fails, without the timers and reports of the telling", () => {
    const actor = Actor.make("worker", { inbox: jobs, state: Schema.String, initial: "", timers: ["later"] })
      .handle({ message: () => Effect.fail(new Down()), timer: { later: (state) => Effect.succeed(state) } })
      .errors({
        Down: {
          then: "hold",
          onGiveUp: Effect.fnUntraced(function* (_state, _error, turn) {
            yield* turn.set("later", { after: "1 hour" })
            yield* turn.report("channel", { kind: "down" })
            return yield* Effect.die("a bug of its own")
          })
        }
      })
    return Effect.map(turn(actor, { key: "ada", message: "down" }), ({ reported, timers, verdict }) => {
      assert.deepStrictEqual({ reported, timers, verdict }, { reported: [], timers: {}, verdict: "hold" })
    }).pipe(Effect.provide(Logger.layer([])))
  })

  it.effect("stands where telling it fails, and nothing of the telling is left", () => {
    const actor = worker("badly")
    return on(
      actor,
      Effect.gen(function* () {
        const kit = yield* TestKit
        yield* kit.send(jobs, "ada", "down")
        yield* kit.send(jobs, "ada", "next")
        yield* pass(5)
        assert.deepStrictEqual(yield* kit.state(actor, "ada"), Option.some(["next"]))
        assert.deepStrictEqual(
          (yield* kit.read(notes)).map(([, note]) => note),
          ["next"]
        )
        assert.strictEqual((yield* letters).length, 1)
      })
    )
  })
})

describe("a dead letter", () => {
  const own: ReadonlyArray<Header> = [
    ["trace", utf8.encode("1")],
    ["trace", Uint8Array.of(0xff, 0)]
  ]
  const bytes = Uint8Array.of(0xff, 0xfe, 0)

  it.effect("holds its message's key, value and headers as they were, also after a replay", () =>
    on(
      worker("well"),
      Effect.gen(function* () {
        for (const value of [bytes, null]) yield* write(value, own)
        yield* write(utf8.encode('"down"'), own)
        yield* pass(5)
        const found = yield* letters
        assert.deepStrictEqual(
          found.map(({ value }) => value && [...value]),
          [[...bytes], null, [...utf8.encode('"down"')]]
        )
        yield* write(encodeCommand({ op: "replay", id: `0-${found[0]!.offset}` }), commandHeaders("worker"))
        yield* pass(1)
        const again = (yield* letters).filter(({ headers }) => headers.some(([name]) => name === "sixfold-replays"))
        assert.strictEqual(again.length, 1)
        for (const letter of [...found, ...again]) {
          assert.strictEqual(text.decode(letter.key!), "ada")
          assert.deepStrictEqual(
            letter.headers.slice(0, 2).map(([name, value]) => [name, ...value]),
            own.map(([name, value]) => [name, ...value])
          )
        }
        assert.deepStrictEqual([...again[0]!.value!], [...bytes])
      })
    )
  )

  it.effect("is replayed five times and no more, whoever writes the command", () =>
    on(
      worker("well"),
      Effect.gen(function* () {
        yield* write(bytes, [])
        yield* pass(1)
        for (let replay = 1; replay <= 8; replay++) {
          for (const { offset } of yield* letters) {
            yield* write(encodeCommand({ op: "replay", id: `0-${offset}` }), commandHeaders("worker"))
          }
          yield* pass(1)
        }
        const open = (yield* letters).filter(({ headers }) => headers.some(([name]) => name === "sixfold-error"))
        assert.strictEqual(open.length, 6)
      })
    )
  )
})

describe("a timer that fails", () => {
  it.effect("is retried, held and resumed under the name of its due time, and takes effect once", () => {
    const world = { down: true, keys: [] as Array<string> }
    const actor = Actor.make("worker", {
      inbox: jobs,
      state: Schema.Array(Schema.String),
      initial: [],
      timers: ["due"]
    })
      .handle({
        message: (state, _, turn) => Effect.as(turn.set("due", { after: "1 minute" }), state),
        timer: {
          due: Effect.fnUntraced(function* (state, turn) {
            world.keys.push(turn.idempotencyKey)
            return world.down ? yield* new Down() : [...state, `at attempt ${turn.attempt}`]
          })
        }
      })
      .errors({ Down: { retry: { base: "1 second", factor: 1, times: 2 }, then: "hold" } })
    return Effect.gen(function* () {
      const kit = yield* TestKit
      yield* kit.send(jobs, "ada", "go")
      yield* kit.quiet
      yield* TestClock.adjust("1 minute")
      yield* pass(30)
      assert.strictEqual(world.keys.length, 3)
      world.down = false
      yield* write(encodeCommand({ op: "resume" }), commandHeaders("worker"))
      yield* pass(2)
      assert.deepStrictEqual([...new Set(world.keys)], ["worker/ada/due/1970-01-01T00:01:00.000Z"])
      assert.deepStrictEqual(yield* kit.state(actor, "ada"), Option.some(["at attempt 4"]))
    }).pipe(
      Effect.scoped,
      Effect.provide(Layer.provideMerge(TestKit.layer(Topology.make("test", actor)), Logger.layer([])))
    )
  })
})
