import { Effect, Logger, Schema } from "effect"
import { run } from "./simulation.ts"
import type { Options, Scenario } from "./simulation.ts"

/** A seed under which the scenario's check found something wrong. The same seed fails in the same way again. */
export class SimulationFailed extends Schema.TaggedError<SimulationFailed>()("SimulationFailed", {
  seed: Schema.Int,
  violations: Schema.Array(Schema.String),
  /** What went wrong on purpose, in order. */
  story: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return [
      `seed ${this.seed} (replay: simulate(scenario, { first: ${this.seed}, seeds: 1 })):`,
      ...this.violations,
      ...this.story
    ].join("\n")
  }
}

/** How much is simulated. */
export interface SimulateOptions extends Omit<Options, "seed"> {
  /** How many seeds. Default 30; about 60 ms each for a small topology. */
  readonly seeds?: number
  /** The first of them. Default 1. */
  readonly first?: number
}

/** What was explored: how often each kind of fault was injected. */
export interface Explored {
  readonly seeds: number
  readonly faults: ReadonlyMap<string, number>
}

/**
 * Runs a topology of one's own in virtual time under seeds: three processes on the fake Kafka, of which some are killed, frozen and
 * stopped in the middle of what they do, while requests are lost, late and refused, groups rebalance and clocks are set. When all
 * has healed and settled, the scenario's check says what is wrong with the log, or with what the handlers did outside of it. Fails
 * at the first seed that has something, and replays it. `make` is called for each seed, so that what a scenario counts starts anew.
 *
 * @example
 * yield* simulate(() => ({
 *   topology,
 *   send: (world, draw) => world.send(visits, draw.pick(["ada", "bob"]), 1),
 *   check: (world) => Effect.map(world.read(totals), (all) => all.length > 0 ? [] : ["nothing was counted"])
 * }), { seeds: 100 })
 */
export const simulate = Effect.fnUntraced(function* (
  make: (seed: number) => Scenario,
  { first = 1, seeds = 30, ...options }: SimulateOptions = {}
): Effect.fn.Return<Explored, SimulationFailed> {
  const faults = new Map<string, number>()
  for (let seed = first; seed < first + seeds; seed++) {
    // Processes that crash log what they are told to, by the thousand.
    const report = yield* Effect.provide(run(make(seed), { ...options, seed }), Logger.layer([]))
    if (report.violations.length > 0) return yield* new SimulationFailed(report)
    for (const [fault, times] of report.faults) faults.set(fault, (faults.get(fault) ?? 0) + times)
  }
  return { seeds, faults }
})
