import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { deepest } from "../../../actors/config/site-config.ts"
import { Topic } from "../../../src/index.ts"
import { readTopic } from "../../../src/testing/reading.ts"
import { tag } from "../../http/wire.ts"
import { bodyOf, ifAbsent, ifMatch, make } from "./world.ts"

const given = Effect.flatMap(make, (world) => Effect.map(world.start("a"), (process) => ({ ...process, world })))

/** Writes that came as far as the log. */
const commands = ({ client }: Effect.Success<typeof given>) =>
  Effect.map(readTopic(client.kafka, Topic.bytes("site-config.commands")), ({ length }) => length)

const nested = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`

describe("a key", () => {
  it.effect("is any text of one path segment, as it is once decoded", () =>
    Effect.gen(function* () {
      const a = yield* given
      const keys = ["a", "a/b", "..", "ü ✓", "renewals.retry-limit", "%2F", "?", "x".repeat(256), "__proto__"]
      for (const key of keys) {
        const put = yield* a.put(encodeURIComponent(key).replaceAll(".", "%2E"), key)
        assert.deepStrictEqual([put.status, bodyOf(put)], [201, { key, version: 1 }], key)
      }
      for (const key of keys) {
        assert.strictEqual(bodyOf(yield* a.get(encodeURIComponent(key).replaceAll(".", "%2E"))), key)
      }
      const all = bodyOf(yield* a.ask("GET", "/config")) as {
        readonly entries: ReadonlyArray<{ readonly key: string }>
      }
      assert.sameMembers(
        all.entries.map(({ key }) => key),
        keys
      )
    })
  )

  it.effect("that could not be one is refused, and nothing is written", () =>
    Effect.gen(function* () {
      const a = yield* given
      const cases: ReadonlyArray<readonly [key: string, status: number]> = [
        ["", 405],
        ["changes", 400],
        ["%63hanges", 400],
        ["x".repeat(257), 400],
        ["x".repeat(1_025), 400],
        ["a%00b", 400],
        ["a%0Ab", 400],
        ["%E0%A4%A", 404],
        ["a/b", 404]
      ]
      for (const [key, status] of cases) {
        const refused = yield* a.put(key, 1)
        assert.strictEqual(refused.status, status, key)
        assert.match(tag(refused), /^(InvalidRequest|NotFound|MethodNotAllowed)$/)
      }
      for (const key of ["x".repeat(257), "a%00b", "changes"]) assert.strictEqual((yield* a.delete(key)).status, 400)
      assert.strictEqual((yield* a.get("x".repeat(257))).status, 400)
      assert.strictEqual(yield* commands(a), 0)
    })
  )
})

describe("a value", () => {
  it.effect("is any JSON, and comes back as it was", () =>
    Effect.gen(function* () {
      const a = yield* given
      const values = ["null", "0", "false", '""', "[]", "{}", '{"__proto__":{"a":1},"constructor":2}', nested(deepest)]
      for (const value of values) {
        assert.isBelow((yield* a.ask("PUT", "/config/k", value)).status, 300, value)
        assert.strictEqual((yield* a.get("k")).body, value)
      }
    })
  )

  it.effect("that is none, too deep or too large is refused, and nothing is written", () =>
    Effect.gen(function* () {
      const a = yield* given
      const cases: ReadonlyArray<readonly [body: string, status: number, error: string]> = [
        ["", 400, "InvalidRequest"],
        ["{", 400, "InvalidRequest"],
        ["undefined", 400, "InvalidRequest"],
        ["1e999", 400, "InvalidRequest"],
        [nested(deepest + 1), 400, "InvalidRequest"],
        [nested(100_000), 400, "InvalidRequest"],
        [`"${"x".repeat(1_048_000)}"`, 413, "BodyTooLarge"],
        [`"${"x".repeat(1_100_000)}"`, 413, "BodyTooLarge"],
        // Short as it comes, long as it would be kept.
        [`[${"1e20,".repeat(100_000)}1]`, 413, "BodyTooLarge"]
      ]
      for (const [body, status, error] of cases) {
        const refused = yield* a.ask("PUT", "/config/k", body)
        assert.deepStrictEqual([refused.status, tag(refused)], [status, error], body.slice(0, 20))
      }
      const form = yield* a.ask("PUT", "/config/k", undefined, "Content-Type: text/csv", "Content-Length: 0")
      assert.strictEqual(form.status, 415)
      assert.strictEqual(yield* commands(a), 0)
      assert.strictEqual((yield* a.get("k")).status, 404)
    })
  )
})

describe("a precondition", () => {
  it.effect("decides, whatever kind it is", () =>
    Effect.gen(function* () {
      const a = yield* given
      const status = <E>(answer: Effect.Effect<{ readonly status: number }, E>) =>
        Effect.map(answer, ({ status }) => status)
      assert.strictEqual(yield* status(a.put("k", 1, ifMatch("*"))), 412)
      assert.strictEqual(yield* status(a.put("k", 1, ifMatch('"1"'))), 412)
      assert.strictEqual(yield* status(a.put("k", 1, ifAbsent)), 201)
      assert.strictEqual(yield* status(a.put("k", 2, ifAbsent)), 412)
      assert.strictEqual(yield* status(a.put("k", 2, ifMatch("*"))), 200)
      assert.strictEqual(yield* status(a.put("k", 3, ifMatch('"1", "2"'))), 200)
      assert.strictEqual(yield* status(a.put("k", 4, ifMatch('W/"3"'))), 412)
      assert.strictEqual(yield* status(a.put("k", 4, ifMatch("3"))), 400)
      assert.strictEqual(yield* status(a.put("k", 4, ifMatch('"3"'), ifAbsent)), 400)
      assert.strictEqual(yield* status(a.delete("k", ifAbsent)), 400)
      assert.strictEqual(yield* status(a.delete("k", ifMatch('"2"'))), 412)
      assert.strictEqual(bodyOf(yield* a.get("k")), 3)
      assert.strictEqual(yield* status(a.delete("k", ifMatch("*"))), 200)
      assert.strictEqual(yield* status(a.delete("k", ifMatch("*"))), 412)
      assert.strictEqual(yield* status(a.delete("k")), 200)
    })
  )
})
