import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import type { EmbeddedBroker } from "../../kafka/embedded/embedded.ts"
import type { Kafka } from "../../kafka/kafka.ts"
import type { Weather } from "./faults.ts"
import type { Names } from "./names.ts"
import type { Process } from "./process.ts"
import type { Story } from "./story.ts"

/** What an action may touch. */
export interface Stage {
  readonly broker: EmbeddedBroker["Service"]
  readonly processes: ReadonlyArray<Process>
  /** Names of the keyed actors and the projections. */
  readonly actors: ReadonlyArray<string>
  /** Some are projections. */
  readonly hasTables: boolean
  readonly weather: Weather
  readonly names: Names
  readonly story: Story
  /** A client without faults. */
  readonly kafka: Kafka["Service"]
}

/** What was drawn for a step; an action takes of it what it needs. */
export interface Dice {
  readonly process: Process
  readonly actor: string
  /** 0 to 4. */
  readonly few: number
  /** 0 to 99. */
  readonly many: number
}

type Act = (stage: Stage, dice: Dice) => Effect.Effect<unknown>

export interface Action {
  readonly name: string
  /** How often it is drawn, beside the others. */
  readonly weight: number
  /** Whether a seed may do without it: each seed leaves some out, so that the others meet more often. */
  readonly isFault: boolean
  readonly act: Act
}

/** A clock is wrong by at most so much, in minutes. */
export const wrongBy = 5

const fault = (name: string, weight: number, act: Act): Action => ({
  name,
  weight,
  isFault: true,
  act: (stage, dice) => {
    stage.story.tell(name, dice.process.name)
    return act(stage, dice)
  }
})
const mend = (name: string, weight: number, act: Act): Action => ({ name, weight, isFault: false, act })

/** Strikes at one of the process's next requests, in the middle of whatever it is doing. */
const ambush =
  (what: string, strike: Act): Act =>
  (stage, dice) =>
    Effect.sync(() => {
      stage.weather.ambush = {
        client: dice.process.name,
        requests: dice.many >> 3,
        arrives: dice.many % 2 === 0,
        strike: ({ kind }) => {
          stage.story.tell(`${what} during ${kind}`, dice.process.name)
          return strike(stage, dice)
        }
      }
    })

/** Others take over what the process had, and go on with it; then it thaws. */
const pastSession: Act = (_, { many, process }) =>
  Effect.andThen(
    TestClock.adjust(11_000 + many * 300),
    Effect.suspend(() => process.thaw)
  )
const kill: Act = (_, { process }) => process.kill
const crashReplica: Act = (_, { actor, process }) => process.actors()?.crash(actor) ?? Effect.void

const setClock =
  (direction: 1 | -1): Act =>
  (_, { few, process: { machine } }) =>
    Effect.sync(() => {
      const limit = wrongBy * 60_000
      machine.ahead = Math.max(-limit, Math.min(limit, machine.ahead + direction * (1 + few) * 45_000))
    })

/** Somebody else runs under the same instance name, for a moment. */
const impersonate: Act = ({ kafka, names }, { actor, process }) =>
  names.take(kafka, `sixfold.${actor}.${process.name}.0`, process.name)

/** The same for a topology with projections. */
export const sqlActions: ReadonlyArray<Action> = [
  mend("database back", 4, ({ weather }) =>
    Effect.sync(() => {
      weather.isDatabaseAway = false
    })
  ),
  fault("database away", 2, ({ weather }) =>
    Effect.sync(() => {
      weather.isDatabaseAway = true
    })
  )
]

/** Everything that a step may do besides sending something, and how often. */
export const actions: ReadonlyArray<Action> = [
  mend("process started", 14, (_, { process }) => process.start),
  mend("process thawed", 5, (_, { process }) => process.thaw),
  mend("broker back", 7, ({ weather }) =>
    Effect.sync(() => {
      weather.isAway = false
    })
  ),
  mend("weather", 6, ({ weather }, { few }) =>
    Effect.sync(() => {
      weather.severity = few
    })
  ),
  fault("process killed", 5, kill),
  fault("process stopped", 4, (_, { process }) => process.stop),
  fault("process frozen", 4, (_, { process }) => process.freeze),
  fault("process frozen past its session", 2, (stage, dice) =>
    Effect.andThen(dice.process.freeze, pastSession(stage, dice))
  ),
  // With something in hand: what it read or wrote last is of an ownership that is over when it goes on.
  fault("frozen at a request past its session", 3, (stage, dice) =>
    Effect.andThen(ambush("process frozen", (_, { process }) => process.freeze)(stage, dice), pastSession(stage, dice))
  ),
  fault("replica crashed", 4, crashReplica),
  fault("kill at a request", 4, ambush("process killed", kill)),
  fault("crash at a request", 4, ambush("replica crashed", crashReplica)),
  fault(
    "freeze at a request",
    2,
    ambush("process frozen", (_, { process }) => process.freeze)
  ),
  fault("rebalance", 5, ({ actors, broker }) =>
    Effect.forEach(actors, (actor) => Effect.ignore(broker.control.rebalance(`sixfold.${actor}`)), { discard: true })
  ),
  fault("fenced by another process", 2, impersonate),
  fault("broker away", 2, ({ weather }) =>
    Effect.sync(() => {
      weather.isAway = true
    })
  ),
  // What is hidden by a newer record of its key is gone, in changelogs and in compacted inboxes; tombstones follow after a minute.
  fault("logs compacted", 3, ({ broker }) => Effect.ignore(broker.control.clean)),
  fault("group offsets forgotten", 2, ({ broker }, { actor }) =>
    Effect.ignore(broker.control.forgetOffsets(`sixfold.${actor}`))
  ),
  fault("machine's clock set forward", 2, setClock(1)),
  fault("machine's clock set back", 2, setClock(-1)),
  fault("minutes pass", 2, (_, { few }) => TestClock.adjust(Duration.minutes(few)))
]
