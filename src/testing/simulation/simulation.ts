import { Clock, Duration, Effect, Random } from "effect"
import type { Scope } from "effect"
import type { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { isRoutes, nodeName } from "../../actor/topology.ts"
import type { Topology } from "../../actor/topology.ts"
import * as Embedded from "../../kafka/embedded/embedded.ts"
import type { Kafka } from "../../kafka/kafka.ts"
import { actions, sqlActions, wrongBy } from "./actions.ts"
import type { Action, Stage } from "./actions.ts"
import * as Database from "./database.ts"
import * as Draw from "./draw.ts"
import * as Faults from "./faults.ts"
import { Names } from "./names.ts"
import * as Process from "./process.ts"
import * as Recovery from "./recovery.ts"
import { Story } from "./story.ts"
import * as World from "./world.ts"

/** A topology, what the world sends it, and what must be true of the log in the end. One run's: made anew for each seed. */
export interface Scenario {
  /**
   * With everything its handlers need. What it counts outside of the log it may count in this scenario. Projections write to a
   * SQLite in memory that all processes share, and that `World.sql` reads.
   */
  readonly topology: Topology<Kafka | SqlClient.SqlClient>
  /** Before any process starts. */
  readonly prepare?: (world: World.World) => Effect.Effect<void, unknown>
  /** One input; the timers it leads to are due within five minutes. It may draw as often as it likes: its draws are its own. */
  readonly send: (world: World.World, draw: Draw.Draw) => Effect.Effect<void, unknown>
  /** What an operator does, every now and then while everything recovers: resumes what is held, say. */
  readonly tend?: (world: World.World) => Effect.Effect<void, unknown>
  /** What is wrong with the log once everything is settled, for people; nothing: all is well. */
  readonly check: (world: World.World) => Effect.Effect<ReadonlyArray<string>, unknown>
}

export interface Options {
  readonly seed: number
  /** Things that happen, faults and inputs. Default 60. */
  readonly steps?: number
  /** Processes that run the topology. Default 3. */
  readonly processes?: number
  /** Planted between each process and the broker: for tests of the scenario itself. */
  readonly wrap?: Process.Wrap
  /** The same between each process and the database. */
  readonly wrapSql?: Database.WrapSql
}

export interface Report {
  readonly seed: number
  readonly violations: ReadonlyArray<string>
  /** How often each kind of fault was injected. */
  readonly faults: ReadonlyMap<string, number>
  /** Virtual milliseconds from the end of the last fault until everything was settled. */
  readonly recovery: number
  /** What went wrong on purpose, in order. */
  readonly story: ReadonlyArray<string>
  /** A digest of every request of every process, and when it was made: two runs of a seed have the same. */
  readonly trace: string
}

/** A scenario's timers are due within this, by whichever clock. */
const timersWithin = Duration.minutes(5 + 2 * wrongBy)
/** When a run begins, in milliseconds since the epoch: clocks that are set back do not leave it. */
const begin = Date.UTC(2026, 0, 1)
/** Longer than a session: nobody who has seen a value but not yet its tombstone still owns anything when that is gone. */
const deleteRetention = 60_000
/** The client that sends and checks; it has no faults of its own. */
const observer = "observer"
/** Of a hundred steps, those that send something. */
const sending = 42

/**
 * Runs a scenario in virtual time on the fake broker: several processes run the topology while a seed decides what is sent
 * and what goes wrong (`actions.ts`, `faults.ts`). Then everything heals, and the log is checked. The same seed runs the same.
 */
export const run = (scenario: Scenario, options: Options): Effect.Effect<Report> =>
  simulated(scenario, options).pipe(
    Effect.scoped,
    // Waiting in real time for a busy machine would make a run depend on it.
    Effect.provide(TestClock.layer({ warningDelay: "30 seconds" })),
    Random.withSeed(options.seed),
    Effect.orDie
  )

const simulated = Effect.fnUntraced(function* (
  scenario: Scenario,
  { processes: size = 3, seed, steps = 60, wrap = (kafka) => kafka, wrapSql = (connection) => connection }: Options
): Effect.fn.Return<Report, unknown, Scope.Scope> {
  yield* TestClock.setTime(begin)
  const broker = yield* Embedded.make({ deleteRetention })
  const clock = yield* Clock.Clock
  const { kafka } = broker.client(observer)
  const story = new Story(() => clock.currentTimeMillisUnsafe() - begin)
  const weather: Faults.Weather = { severity: 0, isAway: false, isDatabaseAway: false, ambush: undefined }
  const faults = Faults.make(Draw.make(seed ^ 0xfa17), story, observer, weather)
  const database = yield* Database.make(faults, wrapSql)
  const world = yield* World.make(kafka, database.sql, story)
  const processes = yield* Effect.forEach(Array.from({ length: size }), (_, n) =>
    Process.make({ broker, database }, scenario.topology, `process-${n}`, wrap)
  )
  const actors = scenario.topology.nodes.flatMap((node) => (isRoutes(node) ? [] : (nodeName(node) ?? [])))
  const names = new Names()
  const hasTables = scenario.topology.nodes.some((node) => !isRoutes(node) && node.kind === "projection")
  const stage: Stage = { broker, processes, actors, hasTables, weather, names, story, kafka }

  if (scenario.prepare !== undefined) yield* scenario.prepare(world)
  yield* broker.control.intercept((request) => {
    names.see(request)
    return faults(request)
  })
  for (const { start } of processes) yield* start
  yield* misadventures(stage, steps, seed, (inputs) => scenario.send(world, inputs))

  yield* heal(stage)
  const tend = scenario.tend?.(world) ?? Effect.void
  yield* tend
  const recovery = yield* Recovery.settle(processes, tend)
  // Timers show only when they are due: those that are still to come come now.
  yield* TestClock.adjust(timersWithin)
  if (recovery !== undefined) yield* Recovery.settle(processes, tend)
  const late = recovery === undefined ? ["no end: something still moves or waits an hour after the last fault"] : []
  return {
    seed,
    violations: [...late, ...names.violations, ...(yield* scenario.check(world))],
    faults: story.faults,
    recovery: recovery ?? Recovery.patience,
    story: story.lines,
    trace: story.digest()
  }
})

/** Sends and breaks things, as the seed says. */
const misadventures = Effect.fnUntraced(function* (
  stage: Stage,
  steps: number,
  seed: number,
  send: (draw: Draw.Draw) => Effect.Effect<void, unknown>
) {
  const draw = Draw.make(seed)
  const inputs = Draw.make(seed ^ 0x5eed)
  const possible = stage.hasTables ? [...actions, ...sqlActions] : actions
  const choose = lottery(possible.filter(({ isFault }) => draw.chance(0.75) || !isFault))
  for (let step = 0; step < steps; step++) {
    // The same number of draws at every step, whatever they decide.
    const [what, which] = [draw.below(100), draw.below(1_000)]
    const dice = {
      process: draw.pick(stage.processes),
      actor: draw.pick(stage.actors),
      few: draw.below(5),
      many: draw.below(100)
    }
    const [rounds, passes] = [draw.below(30), draw.pick([0, 20, 300, 2_000])]
    stage.story.trace(`step ${step}`)
    if (what < sending)
      yield* Effect.repeat(
        Effect.suspend(() => send(inputs)),
        { times: dice.few }
      )
    else yield* choose(which).act(stage, dice)
    yield* Effect.repeat(Effect.yieldNow, { times: rounds })
    if (passes > 0) yield* TestClock.adjust(passes)
  }
})

/** Picks an action by a number from 0 to 999, each as often as its weight says. */
const lottery = (some: ReadonlyArray<Action>) => {
  const tickets = some.flatMap((action) => Array.from({ length: action.weight }, () => action))
  return (number: number): Action => tickets[Math.floor((number * tickets.length) / 1_000)]!
}

const heal = Effect.fnUntraced(function* ({ broker, processes, weather }: Stage) {
  Object.assign(weather, { severity: 0, isAway: false, isDatabaseAway: false, ambush: undefined })
  for (const { machine, start, thaw } of processes) {
    machine.ahead = 0
    yield* Effect.andThen(thaw, start)
  }
  yield* broker.control.heal
})
