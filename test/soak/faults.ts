import { Effect, Random } from "effect"
import type { Cluster } from "../broker/kafka.ts"
import type { Ship } from "../stories/fleet.ts"

/** Something that goes wrong with one of several, and how it is made good again. */
export interface Fault {
  readonly name: string
  /** Whom it befalls: one thing at a time. */
  readonly whom: string
  readonly happens: Effect.Effect<void>
}

/** The next fault: which, whom and for how long, as the seed decides. Brokers fail one at a time: of three copies two are there. */
export const nextFault = Effect.fnUntraced(function* (brokers: Cluster, steady: Ship, others: ReadonlyArray<Ship>) {
  const below = (n: number) => Random.nextIntBetween(0, n - 1)
  const [kind, broker, ship] = [yield* below(7), 1 + (yield* below(3)), others[yield* below(others.length)]!]
  const seconds = 1 + (yield* below(5))
  const faults: ReadonlyArray<Fault> = [
    {
      name: "broker killed",
      whom: "a broker",
      happens: Effect.gen(function* () {
        brokers.kill(broker)
        yield* Effect.sleep(`${seconds} seconds`)
        yield* Effect.promise(() => brokers.up(broker))
      })
    },
    {
      name: "broker frozen",
      whom: "a broker",
      happens: Effect.gen(function* () {
        brokers.pause(broker)
        yield* Effect.sleep(`${2 * seconds} seconds`)
        brokers.resume(broker)
      })
    },
    { name: "process killed", whom: ship.name, happens: ship.kill },
    { name: "process killed", whom: ship.name, happens: ship.kill },
    { name: "process restarted", whom: ship.name, happens: ship.restart },
    // Longer than a session.
    { name: "process frozen for long", whom: ship.name, happens: ship.freeze(13) },
    { name: "process frozen", whom: steady.name, happens: steady.freeze(seconds) }
  ]
  return faults[kind]!
})
