import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { simulate } from "../../src/testing/index.ts"
import { run as runSeed } from "../../src/testing/simulation/simulation.ts"
import type { Options, Report } from "../../src/testing/simulation/simulation.ts"
import { planted } from "./planted.ts"
import { scenario } from "./scenario.ts"

const run = (seed: number, bug: Pick<Options, "wrap" | "wrapSql"> = {}): Effect.Effect<Report> =>
  Effect.provide(runSeed(scenario(seed), { seed, ...bug }), Logger.layer([]))

/** Seeds of the quick round; `npm run simulate` takes as many as it is told to. */
const seeds = 30
/** No planted bug may hide for longer. */
const mostSeeds = 200

describe("the guarantee", () => {
  it.live(
    `holds under ${seeds} seeds: nothing lost, nothing twice, per-key order, every timer once, every dead letter accounted for`,
    () => simulate(scenario, { seeds }),
    600_000
  )

  // What the group took away while the broker had not answered yet was taken back: two owners.
  it.effect.each([371, 1_546, 1_638])("holds under seed %i, which has found a bug", (seed) =>
    Effect.map(run(seed), ({ violations }) => assert.deepStrictEqual(violations, []))
  )

  it.live(
    "replays: the same seed makes the same requests at the same times, whatever ran before it",
    () =>
      Effect.gen(function* () {
        const first = yield* run(7)
        const other = yield* run(8)
        assert.deepStrictEqual(yield* run(7), first)
        assert.notStrictEqual(other.trace, first.trace)
      }),
    600_000
  )
})

describe("a planted bug is found:", () => {
  for (const { name, patch, ...bug } of planted) {
    it.live(
      name,
      () =>
        Effect.gen(function* () {
          for (let seed = 1; seed <= mostSeeds; seed++) {
            const { violations } = yield* Effect.acquireUseRelease(
              Effect.sync(() => patch?.()),
              () => run(seed, bug),
              (unpatch) => Effect.sync(() => unpatch?.())
            ).pipe(Effect.catchDefect((defect) => Effect.succeed({ violations: [String(defect)] })))
            if (violations.length > 0) return
          }
          assert.fail(`not found by ${mostSeeds} seeds`)
        }),
      600_000
    )
  }
})
