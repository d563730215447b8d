import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { simulate } from "../../src/testing/simulation/simulation.ts"
import type { Report } from "../../src/testing/simulation/simulation.ts"
import { planted } from "./planted.ts"
import { scenario } from "./scenario.ts"

const run = (seed: number, wrap?: Parameters<typeof simulate>[1]["wrap"]): Effect.Effect<Report> =>
  simulate(scenario(), { seed, ...(wrap === undefined ? {} : { wrap }) }).pipe(Effect.provide(Logger.layer([])))

/** Seeds of the quick round; `npm run simulate` takes as many as it is told to. */
const seeds = 30
/** No planted bug may hide for longer. */
const mostSeeds = 60

describe("the guarantee", () => {
  it.live(
    `holds under ${seeds} seeds: nothing lost, nothing twice, per-key order, every timer once, every dead letter accounted for`,
    () =>
      Effect.gen(function* () {
        for (let seed = 1; seed <= seeds; seed++)
          assert.deepStrictEqual((yield* run(seed)).violations, [], `seed ${seed}`)
      }),
    120_000
  )

  it.live("replays: the same seed injects the same faults and takes as long", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* run(7), yield* run(7))
    })
  )
})

describe("a planted bug is found:", () => {
  for (const { name, patch, wrap } of planted) {
    it.live(
      name,
      () =>
        Effect.gen(function* () {
          for (let seed = 1; seed <= mostSeeds; seed++) {
            const { violations } = yield* Effect.acquireUseRelease(
              Effect.sync(() => patch?.()),
              () => run(seed, wrap),
              (unpatch) => Effect.sync(() => unpatch?.())
            ).pipe(Effect.catchDefect((defect) => Effect.succeed({ violations: [String(defect)] })))
            if (violations.length > 0) return
          }
          assert.fail(`not found by ${mostSeeds} seeds`)
        }),
      120_000
    )
  }
})
