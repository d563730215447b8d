import { expect, it } from "@effect/vitest"
import { Schema } from "effect"
import { describe } from "vitest"
import { fresh, jittered, next, policy } from "../../src/supervision/intensity.ts"
import type { Ending, History } from "../../src/supervision/intensity.ts"

const within = (min: number, max: number) => Schema.Int.check(Schema.isBetween({ minimum: min, maximum: max }))
/** How long each run lasts before it crashes, in milliseconds. */
const runs = Schema.Array(within(0, 90_000)).check(Schema.isMaxLength(60))
const unit = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 999 }))

/** Plays runs that end by crashing; answers the moment and kind of each restart. */
const play = (lasting: ReadonlyArray<number>, ending: Ending = "crash") => {
  let now = 0
  let history: History = fresh
  const restarts: Array<{ readonly at: number; readonly act: string; readonly history: History }> = []
  for (const length of lasting) {
    const startedAt = now
    now += length
    const decision = next(policy, history, ending, startedAt, now)
    if (decision.act === "give up") break
    history = decision.history
    now += decision.delay
    restarts.push({ at: now, act: decision.act, history })
  }
  return restarts
}

describe("intensity", () => {
  it.prop("never restarts more often than the intensity allows in any period", { runs }, ({ runs }) => {
    const quick = play(runs)
      .filter(({ act }) => act === "restart")
      .map(({ at }) => at)
    for (const at of quick) {
      const window = quick.filter((other) => other >= at && other < at + policy.period - policy.max)
      expect(window.length).toBeLessThanOrEqual(policy.intensity)
    }
  })

  it.prop("remembers no more crashes than it counts to", { runs }, ({ runs }) => {
    for (const { history } of play(runs)) expect(history.crashes.length).toBeLessThanOrEqual(policy.intensity + 1)
  })

  it.prop("keeps a failed child slow until it has stayed up for a whole period", { runs }, ({ runs }) => {
    const restarts = play(runs)
    restarts.forEach(({ history }, n) => {
      const following = runs[n + 1]
      if (!history.failed || following === undefined) return
      expect(restarts[n + 1]!.act).toBe(following >= policy.period ? "restart" : "retry slowly")
    })
  })

  it.prop("waits for a broker without ever failing the child", { runs }, ({ runs }) => {
    for (const { act, history } of play(runs, "away")) {
      expect(act).toBe("wait")
      expect(history.failed).toBe(false)
      expect(history.crashes).toEqual([])
    }
  })

  it.prop("shortens a delay by at most half", [within(1, 60_000), unit], ([delay, thousandths]) => {
    const jitter = jittered(delay, thousandths / 1000)
    expect(jitter).toBeGreaterThanOrEqual(delay / 2)
    expect(jitter).toBeLessThan(delay)
  })

  it("doubles the delay up to its limit", () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8].map((n) => play(Array<number>(n).fill(0), "away").at(-1)!.at)).toEqual([
      200, 600, 1400, 3000, 6200, 12_600, 22_600, 32_600
    ])
  })

  it("fails at the crash after the last one allowed", () => {
    expect(play([0, 0, 0, 0, 0, 0]).map(({ act }) => act)).toEqual([
      "restart",
      "restart",
      "restart",
      "restart",
      "restart",
      "retry slowly"
    ])
  })

  it("does not hurry to ask again what was refused", () => {
    expect(next(policy, fresh, "refused", 0, 100)).toMatchObject({ act: "retry slowly", delay: policy.slow })
  })

  /** What is remembered of a first fencing at 100 ms. */
  const fencedOnce = play([100], "fenced")[0]!.history

  it("takes a transactional id back once, and gives up when it is taken again soon", () => {
    expect(next(policy, fencedOnce, "fenced", 300, 400).act).toBe("give up")
    expect(next(policy, fencedOnce, "fenced", 300, 100 + policy.fencing).act).toBe("restart")
  })

  it("remembers a fencing over a period without a crash", () => {
    expect(next(policy, fencedOnce, "fenced", 300, 300 + policy.period).act).toBe("give up")
  })
})
