import { Clock, Duration, Effect, Layer, Random } from "effect"
import type { Scope } from "effect"
import { TestClock } from "effect/testing"
import type { AnyTopology } from "../../actor/topology.ts"
import * as Embedded from "../../kafka/embedded/embedded.ts"
import { Kafka } from "../../kafka/kafka.ts"
import { Log } from "../../runtime/log.ts"
import * as Draw from "./draw.ts"
import * as Faults from "./faults.ts"
import * as Process from "./process.ts"

/** A topology, what the world sends it, and what must be true of the log in the end. */
export interface Scenario {
  readonly topology: AnyTopology
  /** One input; the timers it leads to are due within five minutes. It may draw as often as it likes: its draws are its own. */
  readonly send: (draw: Draw.Draw) => Effect.Effect<void, unknown, Log>
  /** What is wrong with the log once everything is settled; nothing: all is well. */
  readonly check: Effect.Effect<ReadonlyArray<string>, unknown, Kafka>
}

export interface Options {
  readonly seed: number
  /** Default 60. */
  readonly steps?: number
  /** Default 3. */
  readonly processes?: number
  /** Planted between each process and the broker: for tests of the scenario itself. */
  readonly wrap?: Process.Wrap
}

export interface Report {
  readonly seed: number
  readonly violations: ReadonlyArray<string>
  readonly faults: ReadonlyMap<string, number>
  /** Virtual milliseconds from the end of the last fault until everything was settled. */
  readonly recovery: number
}

/** After the last fault everything has to be settled within this virtual time: a failed actor tries again every few minutes. */
const patience = Duration.toMillis("1 hour")
/** A scenario's timers are due within this, clock jumps included. */
const timersWithin = Duration.minutes(10)
/** The client that sends and checks; it has no faults of its own. */
const observer = "observer"

/**
 * Runs a scenario in virtual time on the fake broker: several processes run the topology while a seed decides what is sent
 * and what goes wrong (processes killed, stopped, frozen; replicas crashed; rebalances; requests lost, late and refused; clock jumps).
 * Then everything heals, and the log is checked. The same seed runs the same.
 */
export const simulate = (scenario: Scenario, options: Options): Effect.Effect<Report> =>
  run(scenario, options).pipe(
    Effect.scoped,
    Effect.provide(TestClock.layer()),
    Random.withSeed(options.seed),
    Effect.orDie
  )

const run = Effect.fnUntraced(function* (
  scenario: Scenario,
  { processes: size = 3, seed, steps = 60, wrap = (kafka) => kafka }: Options
): Effect.fn.Return<Report, unknown, Scope.Scope> {
  const broker = yield* Embedded.make()
  const own = Layer.succeed(Kafka, broker.client(observer).kafka)
  const world = yield* Layer.build(Layer.provideMerge(Log.layer, own))
  const tally: Faults.Tally = new Map()
  const processes = yield* Effect.forEach(Array.from({ length: size }), (_, n) =>
    Process.make(broker, scenario.topology, `process-${n}`, wrap)
  )
  const draw = Draw.make(seed)
  const inputs = Draw.make(seed ^ 0x5eed)
  let severity = 0

  yield* broker.control.intercept(Faults.make(Draw.make(seed ^ 0xfa17), tally, observer, () => severity))
  for (const { start } of processes) yield* start

  for (let step = 0; step < steps; step++) {
    // The same number of draws at every step, whatever they decide.
    const [what, who, many, pause, speed] = [
      draw.below(100),
      draw.below(size),
      draw.below(5),
      draw.below(30),
      draw.below(4)
    ]
    const process = processes[who]!
    const act = (name: string, effect: Effect.Effect<unknown>) => {
      Faults.count(tally, name)
      return effect
    }
    if (what < 8) yield* act("process killed", process.kill)
    else if (what < 12) yield* act("process stopped", process.stop)
    else if (what < 17) yield* act("process frozen", process.freeze)
    else if (what < 22) yield* process.thaw
    else if (what < 36) yield* process.start
    else if (what < 42) yield* act("replica crashed", crashReplica(process, many))
    else if (what < 47) yield* act("rebalance", rebalance(broker, scenario.topology))
    else if (what < 53) severity = many
    else if (what < 56) yield* act("clock jumped", TestClock.adjust(Duration.minutes(many)))
    else if (what < 57) yield* act("clock went back", clockBack(many))
    else
      yield* Effect.provideContext(
        Effect.repeat(
          Effect.suspend(() => scenario.send(inputs)),
          { times: many }
        ),
        world
      )
    yield* breathe(pause)
    if (speed > 0) yield* TestClock.adjust([0, 20, 300, 2_000][speed]!)
  }

  severity = 0
  yield* broker.control.heal
  for (const { start, thaw } of processes) yield* Effect.andThen(thaw, start)
  const recovery = yield* settle(processes)
  // Timers show only when they are due: those that are still to come (the clock may have gone back) come now.
  yield* TestClock.adjust(timersWithin)
  if (recovery !== undefined) yield* settle(processes)
  const late = recovery === undefined ? ["no end: something still moves or waits an hour after the last fault"] : []
  const violations = yield* Effect.provideContext(scenario.check, world)
  return { seed, violations: [...late, ...violations], faults: tally, recovery: recovery ?? patience }
})

const breathe = (rounds: number) => Effect.repeat(Effect.yieldNow, { times: rounds })

const names = (topology: AnyTopology) =>
  topology.nodes.flatMap((node) => ("kind" in node && node.kind === "keyed" ? [node.name] : []))

const crashReplica = (process: Process.Process, which: number) =>
  Effect.suspend(() => {
    const actors = process.actors()
    const all = actors?.topology.nodes.filter(({ kind }) => kind === "keyed") ?? []
    const one = all[which % Math.max(1, all.length)]
    return actors === undefined || one === undefined ? Effect.void : actors.crash(one.name)
  })

const rebalance = (broker: Embedded.EmbeddedBroker["Service"], topology: AnyTopology) =>
  Effect.forEach(names(topology), (name) => Effect.ignore(broker.control.rebalance(`sixfold.${name}`)), {
    discard: true
  })

const clockBack = (minutes: number) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => TestClock.setTime(Math.max(0, now - minutes * 60_000)))

/** Lets time pass until nothing moves any more; how long that took, or undefined when it does not end. */
const settle = Effect.fnUntraced(function* (processes: ReadonlyArray<Process.Process>) {
  const begin = yield* Clock.currentTimeMillis
  for (let [calm, spent] = [0, 0]; spent < patience;) {
    yield* breathe(20)
    let busy = false
    for (const process of processes) {
      yield* process.start
      const actors = process.actors()
      if (actors === undefined || (yield* actors.busy) || actors.status().some(unsettled)) busy = true
    }
    calm = busy ? 0 : calm + 1
    spent = (yield* Clock.currentTimeMillis) - begin
    if (calm > 6) return spent
    yield* TestClock.adjust(busy ? 1_000 : 5_000)
  }
  return undefined
})

const unsettled = ({
  kind,
  replicas,
  state
}: {
  kind: string
  state: string
  replicas: ReadonlyArray<{ partitions: ReadonlyArray<{ lag: number; parked: number }> }>
}) =>
  kind === "keyed" &&
  (state !== "running" ||
    replicas.some(({ partitions }) => partitions.some(({ lag, parked }) => lag > 0 || parked > 0)))
