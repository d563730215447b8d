import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Option, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Actor, Actors, Topic, Topology } from "../../src/index.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import type { Log } from "../../src/runtime/log.ts"
import { deadLetterRecord, readLetter } from "../../src/runtime/deadLetter.ts"
import { letterAt, LettersDone } from "../../src/runtime/letters.ts"
import * as Entry from "../../src/store/entry.ts"
import { TestKit } from "../../src/testing/testKit.ts"

class Declined extends Schema.TaggedError<Declined>()("Declined", {}) {}

const charges = Topic.make("charges", { value: Schema.String, partitions: 3 })
const paid = Topic.make("paid", { value: Schema.String, partitions: 3 })

/** Pays what it is told to, unless payments are declined. Tells what it paid under which idempotency key. */
const payer = () => {
  const world = { declines: true }
  const pay = (what: string, state: ReadonlyArray<string>) =>
    world.declines && what !== "fine" ? Effect.fail(new Declined()) : Effect.succeed([...state, what])
  const actor = Actor.make("payer", {
    inbox: charges,
    emits: [paid],
    state: Schema.Array(Schema.String),
    initial: [],
    timers: ["later"]
  })
    .handle({
      message: Effect.fnUntraced(function* (state, what, turn) {
        if (what === "later") {
          yield* turn.set("later", { after: "1 hour" })
          return state
        }
        yield* turn.emit(paid, turn.key, turn.idempotencyKey)
        return yield* pay(what, state)
      }),
      timer: {
        later: Effect.fnUntraced(function* (state, turn) {
          yield* turn.emit(paid, turn.key, turn.idempotencyKey)
          return yield* pay("in time", state)
        })
      }
    })
    .errors({ Declined: "dead-letter" })
  return { actor, world, topology: Topology.make("test", actor) }
}

const story = <A, E>(
  name: string,
  body: (given: ReturnType<typeof payer>) => Effect.Effect<A, E, TestKit | Actors | Kafka | Log>
) =>
  it.effect(name, () => {
    const given = payer()
    return body(given).pipe(Effect.provide(TestKit.layer(given.topology)))
  })

const letters = Effect.map(Actors, (actors) => Option.getOrThrow(actors.letters("payer")))
const open = Effect.flatMap(letters, (letters) => letters.list(undefined, 100))
const only = Effect.map(open, ({ letters }) => {
  assert.strictEqual(letters.length, 1)
  return letters[0]!
})

describe("a record of the dead letters", () => {
  it("that nobody but another program could have written is none", () => {
    const letter = { id: "i", cause: "c", attempts: 1, source: { timer: "later", due: DateTime.makeUnsafe(5) } }
    const at = { topic: "t", partition: 0, key: null, value: null, headers: [], failedAt: 0 }
    const { headers, ...record } = deadLetterRecord({ ...at, letter, replays: 2 })
    const read = (change: Readonly<Record<string, string>>) =>
      readLetter({
        ...record,
        offset: 0,
        headers: headers.map(([name, value]) => [name, name in change ? new TextEncoder().encode(change[name]) : value])
      })
    assert.deepStrictEqual(read({})?.origin, { id: "i", replays: 2, source: { timer: "later", due: 5 } })
    for (const name of ["sixfold-due", "sixfold-replays", "sixfold-attempts"])
      assert.isUndefined(read({ [name]: "?" }), name)
  })
})

describe("a dead letter", () => {
  story("is replayed behind what its key has, under its first idempotency key, and is then no longer open", (given) =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      yield* kit.send(charges, "ada", "rent")
      yield* kit.quiet
      const letter = yield* only
      assert.deepInclude(letter, { key: "ada", error: "Declined", attempts: 1, value: "rent", replays: 0 })
      assert.strictEqual(Object.hasOwn(letter.source, "offset"), true)
      given.world.declines = false
      yield* kit.send(charges, "ada", "food")
      yield* (yield* letters).command({ op: "replay", id: letter.id })
      yield* kit.quiet
      assert.deepStrictEqual(yield* kit.state(given.actor, "ada"), Option.some(["food", "rent"]))
      assert.strictEqual((yield* kit.read(paid)).at(-1)![1], letter.idempotencyKey)
      assert.deepStrictEqual(yield* open, { letters: [], next: null })
    })
  )

  story("takes effect once, however often it is replayed, over crashes too", ({ actor, world }) =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      yield* kit.send(charges, "ada", "rent")
      yield* kit.quiet
      const { id } = yield* only
      world.declines = false
      const { command } = yield* letters
      yield* Effect.all([command({ op: "replay", id }), command({ op: "replay", id })])
      yield* kit.crash(actor)
      yield* kit.quiet
      yield* kit.crash(actor)
      yield* command({ op: "replay", id })
      yield* kit.quiet
      assert.deepStrictEqual(yield* kit.state(actor, "ada"), Option.some(["rent"]))
      assert.strictEqual((yield* kit.read(paid)).length, 1)
    })
  )

  story("is never replayed once it is discarded", ({ actor, world }) =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      yield* kit.send(charges, "ada", "rent")
      yield* kit.quiet
      const { id } = yield* only
      const { command } = yield* letters
      yield* command({ op: "discard", id })
      world.declines = false
      yield* command({ op: "replay", id })
      yield* kit.quiet
      assert.deepStrictEqual(yield* kit.state(actor, "ada"), Option.none())
      assert.deepStrictEqual((yield* open).letters, [])
    })
  )

  story("that fails again is a new one with its first key, and after five replays is refused", () =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      yield* kit.send(charges, "ada", "rent")
      yield* kit.quiet
      const first = yield* only
      const { command, replayAll } = yield* letters
      for (let replays = 1; replays <= 5; replays++) {
        yield* command({ op: "replay", id: (yield* only).id })
        yield* kit.quiet
        assert.deepInclude(yield* only, { replays, idempotencyKey: first.idempotencyKey, source: first.source })
      }
      const last = yield* only
      const error = yield* Effect.flip(command({ op: "replay", id: last.id }))
      assert.deepInclude(error, { _tag: "LetterRefused", reason: "ReplayLimit" })
      assert.deepStrictEqual(yield* replayAll, { replayed: 0, refused: 1 })
      yield* kit.quiet
      assert.strictEqual((yield* only).id, last.id)
      yield* command({ op: "discard", id: last.id })
      yield* kit.quiet
      assert.deepStrictEqual((yield* open).letters, [])
    })
  )

  story("of a timer runs the timer again, for the due time it had", ({ actor, world }) =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      yield* kit.send(charges, "ada", "later")
      yield* kit.quiet
      yield* TestClock.adjust("1 hour")
      yield* kit.quiet
      const letter = yield* only
      assert.deepStrictEqual(letter.source, { timer: "later", due: "1970-01-01T01:00:00.000Z" })
      world.declines = false
      yield* (yield* letters).command({ op: "replay", id: letter.id })
      yield* kit.crash(actor)
      yield* kit.quiet
      assert.deepStrictEqual(yield* kit.state(actor, "ada"), Option.some(["in time"]))
      assert.deepStrictEqual(
        (yield* kit.read(paid)).map(([, key]) => key),
        ["payer/ada/later/1970-01-01T01:00:00.000Z"]
      )
    })
  )

  story("is refused by name where there is none, and where it has no key", () =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      const producer = yield* (yield* Kafka).producer
      const record = { topic: "charges", partition: 1, key: null, value: null, headers: [], timestamp: 0 }
      yield* producer.send([record])
      yield* kit.quiet
      const { id } = yield* only
      const { command } = yield* letters
      for (const [unknown, reason] of [
        ["99-0", "UnknownLetter"],
        ["1-7", "UnknownLetter"],
        ["1/0", "UnknownLetter"],
        [id, "NoKey"]
      ] as const) {
        assert.deepInclude(yield* Effect.flip(command({ op: "replay", id: unknown })), { reason })
      }
      yield* command({ op: "discard", id })
      yield* kit.quiet
      assert.deepStrictEqual((yield* open).letters, [])
    }).pipe(Effect.scoped)
  )

  story("is listed in pages and replayed with all the others", ({ actor, world }) =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      const users = Array.from({ length: 25 }, (_, n) => `user-${n}`)
      for (const user of users) yield* kit.send(charges, user, "rent")
      yield* kit.quiet
      const { list, replayAll } = yield* letters
      const seen: Array<string | null> = []
      for (let after: string | null | undefined = undefined; after !== null;) {
        const page: { letters: ReadonlyArray<{ key: string | null }>; next: string | null } = yield* list(
          after === undefined ? undefined : letterAt(after),
          10
        )
        seen.push(...page.letters.map(({ key }) => key))
        after = page.next
      }
      assert.strictEqual(seen.length, 25)
      assert.deepStrictEqual(new Set(seen), new Set(users))
      world.declines = false
      assert.deepStrictEqual(yield* replayAll, { replayed: 25, refused: 0 })
      yield* kit.quiet
      for (const user of users) assert.deepStrictEqual(yield* kit.state(actor, user), Option.some(["rent"]))
    })
  )
})

describe("what is remembered of letters", () => {
  it("is bounded: beyond it the lowest are forgotten, and count as done, also after a restore", () => {
    const [done, restored] = [new LettersDone(3), new LettersDone(3)]
    for (const offset of [7, 9, 5, 8, 11]) {
      for (const [key, value] of done.add(offset, { op: "replay", at: 0 })) {
        restored.restore(Entry.decodeEntryKey(key), value)
      }
    }
    for (const letters of [done, restored]) {
      for (const offset of [3, 5, 6, 7, 8, 9, 11]) assert.isTrue(letters.has(offset), `${offset}`)
      for (const offset of [10, 12]) assert.isFalse(letters.has(offset), `${offset}`)
    }
  })
})
