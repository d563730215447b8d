import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { conditional, Contended } from "../../../actors/config/conditional.ts"
import { isKnown, preconditionOf } from "../../../actors/config/preconditions.ts"
import { KvConflict, type KvWrite } from "../../../src/index.ts"

describe("a precondition", () => {
  const read: ReadonlyArray<readonly [match: string, versions: ReadonlyArray<number>]> = [
    ['"3"', [3]],
    [' "3" , "12"', [3, 12]],
    // Entity tags, but of nothing here: they match no version.
    ['"03"', []],
    ['"0"', []],
    ['"-1"', []],
    ['"99999999999999999999"', []],
    ['""', []],
    ['"abc"', []],
    ['W/"3"', []]
  ]
  for (const [match, versions] of read) {
    it.effect(`If-Match: ${match} allows ${versions.length === 0 ? "nothing" : versions.join(" and ")}`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* preconditionOf({ "if-match": match }), new Set(versions))
      })
    )
  }

  it.effect("with a star is about presence; without headers there is none", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* preconditionOf({ "if-match": "*" }), "present")
      assert.strictEqual(yield* preconditionOf({ "if-none-match": "*" }), "absent")
      assert.strictEqual(yield* preconditionOf({}), undefined)
    })
  )

  const bad: ReadonlyArray<Readonly<Record<string, string>>> = [
    { "if-match": "3" },
    { "if-match": "" },
    { "if-match": '"3' },
    { "if-match": '*, "3"' },
    { "if-match": '"3",' },
    { "if-match": 'w/"3"' },
    { "if-none-match": '"3"' },
    { "if-none-match": "" },
    { "if-match": '"3"', "if-none-match": "*" }
  ]
  for (const headers of bad) {
    it.effect(`is refused, never left out: ${JSON.stringify(headers)}`, () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* Effect.flip(preconditionOf(headers))).reason, "InvalidRequest")
      })
    )
  }

  it("of a reader is met by the version it has, weak or not", () => {
    assert.deepStrictEqual(
      ['"3"', 'W/"3"', '"2", "3"', "*"].map((tag) => isKnown(tag, 3)),
      [true, true, true, true]
    )
    assert.deepStrictEqual(
      [undefined, '"2"', "3", ""].map((tag) => isKnown(tag, 3)),
      [false, false, false, false]
    )
  })
})

describe("a write under a precondition", () => {
  /** A key at a version, or without a value, and the versions that were asked for. */
  const at = (version: number | undefined) => {
    const asked: Array<number | "absent" | undefined> = []
    const write = ({ ifVersion }: KvWrite) =>
      Effect.suspend(() => {
        asked.push(ifVersion)
        return ifVersion === version
          ? Effect.succeed("written")
          : Effect.fail(new KvConflict({ key: "k", current: Option.fromUndefinedOr(version) }))
      })
    return { asked, write }
  }

  it.effect("takes what is true at the writer, whatever this process knows", () =>
    Effect.gen(function* () {
      for (const seen of [undefined, 1, 4, 9]) {
        for (const allowed of ["present", new Set([4]), new Set([1, 2, 4])] as const) {
          assert.strictEqual(yield* conditional("k", allowed, seen, at(4).write), "written")
        }
        for (const allowed of [new Set([3]), new Set([5, 6])]) {
          const { current } = (yield* Effect.flip(conditional("k", allowed, seen, at(4).write))) as KvConflict
          assert.deepStrictEqual(current, Option.some(4))
        }
        assert.instanceOf(yield* Effect.flip(conditional("k", "present", seen, at(undefined).write)), KvConflict)
      }
    })
  )

  it.effect("at no version at all is not asked for", () =>
    Effect.gen(function* () {
      const { asked, write } = at(4)
      assert.instanceOf(yield* Effect.flip(conditional("k", new Set<number>(), 4, write)), KvConflict)
      assert.deepStrictEqual(asked, [])
    })
  )

  it.effect("that loses again and again gives up in the end, and does not say that the precondition failed", () =>
    Effect.gen(function* () {
      let current = 1
      const lose = () =>
        Effect.suspend(() => Effect.fail(new KvConflict({ key: "k", current: Option.some(++current) })))
      assert.instanceOf(yield* Effect.flip(conditional("k", "present", 1, lose)), Contended)
      assert.strictEqual(current, 65)
    })
  )
})
