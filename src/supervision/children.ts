import { Deferred, Effect } from "effect"
import type { AnyActor } from "../actor/actor.ts"
import type { AnyProjection } from "../actor/projection.ts"
import type { Kafka } from "../kafka/kafka.ts"
import * as ProjectionReplica from "../projection/replica.ts"
import * as Replica from "../runtime/replica.ts"
import type { Child } from "./child.ts"
import { deadLettersView } from "./deadLetters.ts"
import type { View } from "./deadLetters.ts"

/** Where children run: what their groups, transactional ids and members are named after. */
export interface Place {
  readonly app: string
  readonly instance: string
}

/** One replica of a keyed actor. What its probe cannot find out counts as busy. */
export const keyed = (actor: AnyActor, place: Place, replica: number): Child<unknown, Kafka> => ({
  actor: actor.name,
  kind: "keyed",
  replica,
  run: (show) =>
    Effect.flatMap(Replica.make(actor, { ...place, replica }), (made) => {
      const { crash, progress, status } = made
      show({ status, progress, crash, busy: Effect.orElseSucceed(made.busy, () => true) })
      // The services of its handlers are the topology's, and are provided there.
      return made.run as Effect.Effect<never, unknown>
    })
})

/** One replica of a projection. */
export const projected = (projection: AnyProjection, place: Place, replica: number): Child<unknown, Kafka> => ({
  actor: projection.name,
  kind: "projection",
  replica,
  run: (show) =>
    Effect.flatMap(ProjectionReplica.make(projection, { ...place, replica }), (made) => {
      const { crash, progress, status } = made
      show({ status, progress, crash, busy: Effect.orElseSucceed(made.busy, () => true) })
      // The database, and whatever else it needs, is the topology's.
      return made.run as Effect.Effect<never, unknown>
    })
})

/** The view of dead letters: it takes no part in what a topology works at, and is never busy. */
export const lettersView = ({ away, run }: View): Child<unknown, Kafka> => ({
  actor: deadLettersView,
  kind: "projection",
  replica: 0,
  run: (show) =>
    Effect.gen(function* () {
      const crashed = yield* Deferred.make<never>()
      show({
        status: () => ({ state: "running", partitions: [], away: away() }),
        progress: () => 0,
        busy: Effect.succeed(false),
        crash: Effect.asVoid(Deferred.die(crashed, new Error(`${deadLettersView}: crashed on request`)))
      })
      return yield* Effect.raceFirst(run, Deferred.await(crashed))
    })
})
