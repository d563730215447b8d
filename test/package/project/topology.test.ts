import { assert, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { Topology } from "sixfold"
import { TestKit } from "sixfold/testing"
import { findPlace, places } from "./places.ts"
import { NoAnswer, Texts } from "./texts.ts"
import { scans, whereabouts } from "./topics.ts"
import { tracker } from "./tracker.ts"

const sent: Array<string> = []

/** Answers at the third call. */
const shaky = Layer.sync(Texts, () => {
  let calls = 0
  return {
    send: (idempotencyKey) => {
      sent.push(idempotencyKey)
      return ++calls < 3 ? Effect.fail(new NoAnswer({ message: "busy" })) : Effect.void
    }
  }
})

const system = TestKit.layer(Topology.provide(shaky)(Topology.make("parcels", tracker, places)))

it.effect("retries the text alone, delays nobody else, and survives a crash in between", () =>
  Effect.gen(function* () {
    const kit = yield* TestKit
    yield* kit.send(scans, "p-1", { place: "door" })
    yield* kit.send(scans, "p-2", { place: "depot" })
    yield* kit.quiet
    assert.deepStrictEqual(yield* kit.read(whereabouts), [["p-2", { place: "depot", seen: 1 }]])

    yield* kit.crash(tracker)
    for (const wait of ["5 seconds", "10 seconds", "20 seconds"] as const) {
      yield* TestClock.adjust(wait)
      yield* kit.quiet
    }
    assert.deepStrictEqual(yield* findPlace("p-1"), Option.some({ place: "door", seen: 1 }))
    assert.strictEqual(new Set(sent).size, 1, "every attempt has the same idempotency key")
  }).pipe(Effect.provide(system))
)

it.effect("calls a parcel overdue after two silent hours, by the clock of the test", () =>
  Effect.gen(function* () {
    const kit = yield* TestKit
    yield* kit.send(scans, "p-3", { place: "depot" })
    yield* kit.quiet
    yield* TestClock.adjust("2 hours")
    yield* kit.quiet
    assert.deepStrictEqual(yield* findPlace("p-3"), Option.some({ place: "overdue", seen: 1 }))
  }).pipe(Effect.provide(system))
)
