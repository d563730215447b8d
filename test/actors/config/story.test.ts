import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { listening } from "../../http/events.ts"
import { tag } from "../../http/wire.ts"
import { bodyOf, ifAbsent, ifMatch, make } from "./world.ts"

const change = (key: string, version: number, value?: unknown) => ({
  event: "change",
  data: { key, version, ...(value === undefined ? {} : { value }) }
})

describe("the configuration", () => {
  it.effect("is the same in every process: written anywhere, decided by one writer, read from memory", () =>
    Effect.gen(function* () {
      const world = yield* make
      const a = yield* world.start("a")
      const b = yield* world.start("b", ["gateway"])
      const changes = yield* listening(a.port, "/config/changes")

      // Who writes reads it at once, also where no writer runs.
      const created = yield* b.put("limit", { most: 3 })
      assert.deepStrictEqual([created.status, created.headers.get("etag")], [201, '"1"'])
      const read = yield* b.get("limit")
      assert.deepStrictEqual([read.status, read.headers.get("etag"), bodyOf(read)], [200, '"1"', { most: 3 }])
      assert.strictEqual((yield* b.get("limit", 'If-None-Match: "1"')).status, 304)

      // The others hear of it.
      yield* changes.until(1)
      assert.deepStrictEqual(bodyOf(yield* a.get("limit")), { most: 3 })

      // Who knows the version may replace it, once.
      assert.strictEqual((yield* a.put("limit", { most: 4 }, ifMatch('"1"'))).status, 200)
      const late = yield* b.put("limit", { most: 5 }, ifMatch('"1"'))
      assert.deepStrictEqual([late.status, tag(late), late.headers.get("etag")], [412, "PreconditionFailed", '"2"'])
      assert.deepStrictEqual(bodyOf(yield* b.get("limit")), { most: 4 })

      // Deleted is absent everywhere, and the versions go on.
      assert.strictEqual((yield* b.delete("limit", ifMatch('"2"'))).status, 200)
      assert.strictEqual((yield* b.get("limit")).status, 404)
      assert.strictEqual((yield* a.put("limit", null, ifAbsent)).headers.get("etag"), '"4"')
      assert.deepStrictEqual(bodyOf(yield* a.ask("GET", "/config")), {
        entries: [{ key: "limit", version: 4, value: null }]
      })
      yield* changes.until(4)
      assert.deepStrictEqual(changes.events(), [
        change("limit", 1, { most: 3 }),
        change("limit", 2, { most: 4 }),
        change("limit", 3),
        change("limit", 4, null)
      ])

      // Who comes late gets everything as it is, and a process that stops says so.
      yield* a.put("other", 1)
      const newcomer = yield* world.start("c", ["gateway"])
      const late2 = yield* listening(newcomer.port, "/config/changes")
      yield* late2.until(2)
      assert.sameDeepMembers([...late2.events()], [change("limit", 4, null), change("other", 1, 1)])
      yield* newcomer.stop
      yield* late2.closed
      assert.deepStrictEqual(late2.events().at(-1), { event: "end", data: { reason: "restart" } })
    })
  )

  it.effect("has one winner of every race between two processes, and both then know who", () =>
    Effect.gen(function* () {
      const world = yield* make
      const a = yield* world.start("a")
      const b = yield* world.start("b", ["gateway"])
      for (let round = 1; round <= 10; round++) {
        const condition = round === 1 ? ifAbsent : ifMatch(`"${round - 1}"`)
        const answers = yield* Effect.all([a.put("k", `a${round}`, condition), b.put("k", `b${round}`, condition)], {
          concurrency: "unbounded"
        })
        const statuses = answers.map(({ status }) => status)
        assert.deepStrictEqual(
          statuses.toSorted((x, y) => x - y),
          [round === 1 ? 201 : 200, 412],
          `round ${round}`
        )
        // Whoever was answered has seen the version that won, the loser too.
        const winner = statuses[0] === 412 ? `b${round}` : `a${round}`
        for (const process of [a, b]) assert.strictEqual(bodyOf(yield* process.get("k")), winner)
      }
    })
  )

  it.effect("takes every one of many writes at once that ask only for it to be there", () =>
    Effect.gen(function* () {
      const world = yield* make
      const [a, b] = [yield* world.start("a"), yield* world.start("b", ["gateway"])]
      yield* a.put("k", "first")
      const all = Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? a : b).put("k", n, ifMatch("*")))
      const statuses = (yield* Effect.all(all, { concurrency: "unbounded" })).map(({ status }) => status)
      assert.deepStrictEqual([...new Set(statuses)], [200])
      assert.strictEqual((yield* a.get("k")).headers.get("etag"), `"41"`)
    })
  )

  it.effect("cannot be written while its writer runs nowhere: unknown after ten seconds, and read all the same", () =>
    Effect.gen(function* () {
      const world = yield* make
      const writer = yield* world.start("w", ["site-config"])
      const gateway = yield* world.start("g", ["gateway"])
      yield* gateway.put("k", 1)
      yield* writer.stop
      const put = yield* Effect.forkChild(gateway.put("k", 2), { startImmediately: true })
      const tick = Effect.andThen(
        Effect.promise(() => new Promise((resume) => setImmediate(resume))),
        TestClock.adjust("100 millis")
      )
      for (let ticks = 0; put.pollUnsafe() === undefined && ticks < 2_000; ticks++) yield* tick
      const answer = yield* Fiber.join(put)
      assert.deepStrictEqual([answer.status, tag(answer)], [503, "unknown"])
      assert.strictEqual(bodyOf(yield* gateway.get("k")), 1)
      const node = gateway.actors.status().find(({ name }) => name === "site-config")
      assert.deepInclude(node, { kind: "kv", state: "stopped" })
    })
  )

  it.effect("is served only once it is all here", () =>
    Effect.gen(function* () {
      const world = yield* make
      const writer = yield* world.start("w")
      for (let i = 0; i < 20; i++) yield* writer.put(`k${i}`, i)
      let isHeld = true
      yield* world.broker.control.intercept(({ client, kind, subjects }) =>
        Effect.succeed(
          isHeld && client === "late" && kind === "fetch" && subjects.includes("site-config") ? "fail" : "pass"
        )
      )
      const starting = yield* Effect.forkChild(world.start("late", ["gateway"]), { startImmediately: true })
      for (let seconds = 0; seconds < 60; seconds++) yield* TestClock.adjust("1 second")
      assert.isFalse(world.ports.has("late"))
      isHeld = false
      while (starting.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
      const late = yield* Fiber.join(starting)
      assert.strictEqual((yield* late.ask("GET", "/health/ready")).status, 200)
      const all = bodyOf(yield* late.ask("GET", "/config")) as { readonly entries: ReadonlyArray<unknown> }
      assert.strictEqual(all.entries.length, 20)
    })
  )
})
