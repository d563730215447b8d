import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { Actors } from "../../src/index.ts"

/** Time goes by until nobody has had anything to do three times in a row. */
export const calm = ({ busy }: Pick<Actors["Service"], "busy">) =>
  Effect.gen(function* () {
    for (let still = 0; still < 3;) {
      yield* Effect.repeat(Effect.yieldNow, { times: 50 })
      still = (yield* busy) ? 0 : still + 1
      yield* TestClock.adjust(200)
    }
  })
