import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import { Actor, Topic, Topology } from "../../src/index.ts"
import { wireLength } from "../../src/kafka/embedded/encoding.ts"
import * as Entry from "../../src/store/entry.ts"
import { TestKit } from "../../src/testing/testKit.ts"

const words = Topic.make("words", { value: Schema.String, partitions: 1 })
const keeper = Actor.make("keeper", { inbox: words, state: Schema.String, initial: "" }).handle({
  message: (state, word) => Effect.succeed(state + word)
})

describe("the key of an entry", () => {
  it.prop("is read back as it was, whatever its characters", [Schema.String], ([key]) => {
    // A lone surrogate has no UTF-8.
    const text = key.toWellFormed()
    assert.strictEqual(Entry.decodeEntryKey(Entry.stateKey(text)).key, text)
    const timer = Entry.decodeEntryKey(Entry.timerKey(text, "due"))
    assert.deepStrictEqual([timer.key, Entry.timerName(timer)], [text, "due"])
  })

  it("that is damaged is refused", () => {
    const bytes = Entry.stateKey("ada")
    for (const damaged of [bytes.subarray(0, 3), bytes.subarray(0, 6), new Uint8Array([1, 255, 255, 255, 255])]) {
      assert.throws(() => Entry.decodeEntryKey(damaged))
    }
  })
})

describe("two keys that differ by a byte order mark", () => {
  it.effect("have a state each, also after a restart", () =>
    Effect.gen(function* () {
      const kit = yield* TestKit
      const marked = "\uFEFFada"
      yield* kit.send(words, "ada", "a")
      yield* kit.send(words, marked, "b")
      yield* kit.quiet
      yield* kit.crash(keeper)
      yield* kit.send(words, marked, "c")
      yield* kit.send(words, "ada", "d")
      yield* kit.quiet
      const states = yield* Effect.forEach(["ada", marked], (key) => kit.state(keeper, key))
      assert.deepStrictEqual(states.map(Option.getOrUndefined), ["ad", "bc"])
    }).pipe(Effect.provide(TestKit.layer(Topology.make("test", keeper))))
  )
})

describe("a parked message", () => {
  const message = { offset: 7, timestamp: 3, value: new Uint8Array(200_000).fill(1) }

  it.prop(
    "is read back as it was",
    [Schema.Array(Schema.Tuple([Schema.String, Schema.Uint8Array])), Schema.Boolean],
    ([headers, isTombstone]) => {
      const stored = {
        ...message,
        headers: headers.map(([name, value]) => [name.toWellFormed(), value] as const),
        value: isTombstone ? null : message.value
      }
      const read = Entry.decodeParked(7, Entry.parkedValue(stored))
      const plain = (it: Entry.StoredMessage) => ({
        ...it,
        value: it.value && Array.from(it.value),
        headers: it.headers.map(([name, value]) => [name, Array.from(value)])
      })
      assert.deepStrictEqual(plain(read), plain(stored))
    }
  )

  it("has room for any length of a header", () => {
    for (const length of [0, 127, 128, 16_383, 16_384, 900_000]) {
      const headers = [["n".repeat(length), new Uint8Array(length).fill(2)]] as const
      const [header] = Entry.decodeParked(7, Entry.parkedValue({ ...message, headers })).headers
      assert.deepStrictEqual(
        [header![0].length, header![1].length, header![1].at(-1)],
        [length, length, length === 0 ? undefined : 2]
      )
    }
  })

  it("is hardly larger than it was on the wire, however many headers it has, and whatever they are called", () => {
    for (const name of ["a", "\u0000", "\u00e9"]) {
      const headers = Array.from({ length: 300_000 }, () => [name, new Uint8Array(0)] as const)
      const wire = wireLength({ ...message, key: null, headers })
      assert.isBelow(Entry.parkedValue({ ...message, headers }).length, wire + 200)
    }
  })

  it("that an earlier program wrote is read", () => {
    const head = new TextEncoder().encode('{"timestamp":3,"tombstone":false,"headers":[["h","AQI="]]}')
    const bytes = Uint8Array.from([0, 0, 0, head.length, ...head, 9])
    const { headers, value } = Entry.decodeParked(7, bytes)
    assert.deepStrictEqual([headers[0]![0], [...headers[0]![1]], [...value!]], ["h", [1, 2], [9]])
  })
})
