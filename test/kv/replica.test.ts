import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Stream } from "effect"
import { TestClock } from "effect/testing"
import { KafkaError } from "../../src/kafka/errors.ts"
import type { KvChange } from "../../src/store/kv/contents.ts"
import type { KvFilter } from "../../src/store/kv/replica.ts"
import * as World from "./world.ts"

/** What the store's writer would have written; no value: a tombstone. */
const wrote = (world: World.World, key: string, version: number, value?: unknown) =>
  world.append("config", key, value === undefined ? null : JSON.stringify(value), [
    ["sixfold-version", String(version)]
  ])

const shown = ({ entry, key, version }: KvChange<number>): string =>
  `${key} v${version} ${Option.match(entry, { onNone: () => "gone", onSome: ({ value }) => String(value) })}`

/** Subscribes at once; what it has heard so far, and a wait until it has heard so many. */
const following = Effect.fnUntraced(function* ({ store }: World.Process, filter?: KvFilter) {
  const heard: Array<string> = []
  yield* Effect.forkScoped(
    Stream.runForEach(store.changes(filter), (change) => Effect.sync(() => heard.push(shown(change)))),
    { startImmediately: true }
  )
  const until = (last: string): Effect.Effect<ReadonlyArray<string>> =>
    Effect.suspend(() => (heard.at(-1) === last ? Effect.succeed(heard) : Effect.andThen(Effect.yieldNow, until(last))))
  return { heard, until }
})

describe("a replica", () => {
  it.effect("is open with all that was in the log, the last version of each key, and without what was deleted", () =>
    Effect.gen(function* () {
      const world = yield* World.make
      yield* (yield* world.process("first")).stop // makes the topics
      for (let n = 0; n < 300; n++) yield* wrote(world, `k${n % 100}`, 1 + Math.floor(n / 100), n)
      yield* wrote(world, "k7", 4)
      const { store } = yield* world.process("a")
      assert.strictEqual([...store.entries()].length, 99)
      assert.deepStrictEqual(store.entry("k0"), Option.some({ value: 200, version: 3 }))
      assert.deepStrictEqual(store.get("k99"), Option.some(299))
      assert.deepStrictEqual([store.get("k7"), store.entry("k7"), store.get("nothing")], Array(3).fill(Option.none()))
      assert.deepStrictEqual([...store.entries({ key: "k8" })], [["k8", { value: 208, version: 3 }]])
      assert.strictEqual([...store.entries({ prefix: "k1" })].length, 11)
    })
  )

  it.effect("tells of one key, of a prefix or of all: first what is there, then each change in order", () =>
    Effect.gen(function* () {
      const world = yield* World.make
      const a = yield* world.process("a")
      yield* wrote(world, "x/1", 1, 10)
      yield* wrote(world, "y/1", 1, 20)
      yield* World.sees(a, "x/1", 10)
      yield* World.sees(a, "y/1", 20)
      const [one, some, all] = [
        yield* following(a, { key: "x/1" }),
        yield* following(a, { prefix: "x/" }),
        yield* following(a)
      ]
      yield* wrote(world, "x/1", 2, 11)
      yield* World.sees(a, "x/1", 11)
      yield* wrote(world, "x/1", 3)
      yield* World.sees(a, "x/1", undefined)
      yield* wrote(world, "x/2", 1, 30)
      assert.deepStrictEqual(yield* some.until("x/2 v1 30"), ["x/1 v1 10", "x/1 v2 11", "x/1 v3 gone", "x/2 v1 30"])
      assert.deepStrictEqual(one.heard, ["x/1 v1 10", "x/1 v2 11", "x/1 v3 gone"])
      assert.sameMembers(all.heard.slice(0, 2), ["x/1 v1 10", "y/1 v1 20"])
      assert.deepStrictEqual(all.heard.slice(2), ["x/1 v2 11", "x/1 v3 gone", "x/2 v1 30"])
      // A key that is not there has nothing to tell, and a tombstone of it is no change.
      const nobody = yield* following(a, { key: "z" })
      yield* wrote(world, "z", 1)
      yield* wrote(world, "z", 2, 5)
      assert.deepStrictEqual(yield* nobody.until("z v2 5"), ["z v2 5"])
    })
  )

  it.effect(
    "gives a subscriber that is far behind the newest of each key instead of every change, and ends with it",
    () =>
      Effect.gen(function* () {
        const world = yield* World.make
        const a = yield* world.process("a")
        const heard: Array<string> = []
        const fiber = yield* Effect.forkChild(
          Stream.runForEach(a.store.changes({ prefix: "slow" }), (change) =>
            Effect.andThen(
              Effect.sync(() => heard.push(shown(change))),
              // It is busy with its first change while all else happens.
              heard.length === 0 ? Effect.sleep("1 hour") : Effect.void
            )
          ),
          { startImmediately: true }
        )
        const rounds = 1_000
        yield* wrote(world, "slow1", 1, 1)
        for (let n = 2; n <= rounds; n++) for (const key of ["slow1", "slow2"]) yield* wrote(world, key, n, n)
        yield* wrote(world, "slow2", rounds + 1)
        yield* wrote(world, "slow3", 1, 7)
        for (const [key, value] of [
          ["slow1", rounds],
          ["slow2", undefined],
          ["slow3", 7]
        ] as const)
          yield* World.sees(a, key, value)
        yield* TestClock.adjust("1 hour")
        yield* a.stop
        yield* Fiber.join(fiber)
        assert.isBelow(heard.length, 2 * rounds)
        for (const last of [`slow1 v${rounds} ${rounds}`, `slow2 v${rounds + 1} gone`, "slow3 v1 7"])
          assert.include(heard.slice(-3), last)
        // Nothing older after something newer.
        for (const key of ["slow1", "slow2"]) {
          const versions = heard.filter((it) => it.startsWith(key)).map((it) => Number(/v(\d+)/.exec(it)![1]))
          assert.deepStrictEqual(
            versions,
            versions.toSorted((x, y) => x - y)
          )
        }
      })
  )

  const unreadable: ReadonlyArray<readonly [what: string, write: (world: World.World) => Effect.Effect<void>]> = [
    ["is no value of the schema", (world) => wrote(world, "k", 2, "no number")],
    ["is no JSON", (world) => world.append("config", "k", "{", [["sixfold-version", "2"]])],
    ["has no version", (world) => world.append("config", "k", "2")],
    ["has a version that is none", (world) => world.append("config", "k", "2", [["sixfold-version", "-2"]])]
  ]
  for (const [what, spoil] of unreadable) {
    it.effect(`takes a key out whose record ${what}, before and after its start, until a good one comes`, () =>
      Effect.gen(function* () {
        const world = yield* World.make
        const a = yield* world.process("a")
        yield* wrote(world, "k", 1, 1)
        yield* wrote(world, "other", 1, 1)
        yield* World.sees(a, "k", 1)
        yield* World.sees(a, "other", 1)
        const changes = yield* following(a, { key: "k" })
        yield* spoil(world)
        yield* World.sees(a, "k", undefined)
        const late = yield* world.process("late")
        for (const { store } of [a, late]) {
          assert.deepStrictEqual(store.get("k"), Option.none())
          assert.deepStrictEqual([...store.undecodable().keys()], ["k"])
          assert.deepStrictEqual(store.get("other"), Option.some(1))
        }
        yield* wrote(world, "k", 3, 3)
        for (const each of [a, late]) {
          yield* World.sees(each, "k", 3)
          assert.strictEqual(each.store.undecodable().size, 0)
        }
        const [first, second, third] = yield* changes.until("k v3 3")
        assert.deepStrictEqual([first, third], ["k v1 1", "k v3 3"])
        assert.match(second!, /^k v[02] gone$/)
      })
    )
  }

  // The first is waited for where it was; after the others the topic is read from its beginning, beside what is there.
  it.effect.each(["Unavailable", "OffsetOutOfRange", "CorruptBatch"] as const)(
    "answers from what it has while it cannot read (%s); then it tells what is different, and nothing else",
    (reason) =>
      Effect.gen(function* () {
        const world = yield* World.make
        const a = yield* world.process("a")
        for (const key of ["same", "changed", "deleted", "spoilt"]) {
          yield* wrote(world, key, 1, 1)
          yield* World.sees(a, key, 1)
        }
        const changes = yield* following(a)
        assert.strictEqual((yield* changes.until(changes.heard.at(-1)!)).length, 4)
        const error = new KafkaError({ reason, message: "away" })
        yield* world.broker.control.intercept(({ client, kind }) =>
          Effect.succeed(client === "a" && kind === "fetch" ? { error } : "pass")
        )
        yield* wrote(world, "changed", 2, 2)
        yield* wrote(world, "deleted", 2)
        yield* wrote(world, "spoilt", 2, "no number")
        yield* TestClock.adjust("1 minute")
        assert.strictEqual([...a.store.entries()].length, 4)
        assert.deepStrictEqual(a.store.get("changed"), Option.some(1))
        yield* world.broker.control.heal
        yield* world.broker.control.clean
        yield* TestClock.adjust("1 minute")
        yield* World.sees(a, "changed", 2)
        yield* wrote(world, "new", 1, 5)
        const heard = yield* changes.until("new v1 5")
        assert.sameMembers(heard.slice(4, -1), ["changed v2 2", "deleted v2 gone", "spoilt v2 gone"])
        assert.deepStrictEqual([...a.store.undecodable().keys()], ["spoilt"])
      })
  )
})
