import { Context, Effect, Layer } from "effect"
import type { Option } from "effect"
import type { Actor } from "../actor/actor.ts"
import type { Topic } from "../actor/topic.ts"
import type { Topology } from "../actor/topology.ts"
import * as Embedded from "../kafka/embedded/embedded.ts"
import { Kafka } from "../kafka/kafka.ts"
import { Sqlite } from "../projection/sqlite.ts"
import { Log } from "../runtime/log.ts"
import { Actors } from "../supervision/actors.ts"
import * as Supervision from "../supervision/layer.ts"
import * as Reading from "./reading.ts"

/** Rounds of the scheduler without any progress after which nothing but the clock can move it. */
const patience = 500

/** A topology on the fake Kafka, driven by a test. Nothing happens in wall-clock time: move the clock with `TestClock`. */
export class TestKit extends Context.Service<
  TestKit,
  {
    /** Appends a message, as another program would. */
    send<K, V>(topic: Topic<K, V>, key: NoInfer<K>, value: NoInfer<V>): Effect.Effect<void>
    /**
     * Waits until nothing can happen without the clock: no lag, no runnable turn, no open settle. A handler that sleeps on the test's
     * clock counts as waiting for it.
     */
    readonly quiet: Effect.Effect<void>
    /** What is in a topic, committed: by partition, each in order. */
    read<K, V>(topic: Topic<K, V>): Effect.Effect<ReadonlyArray<readonly [key: K, value: V]>>
    /** A key's settled state; none where it is still the initial one. */
    state<K, M, S, E, R>(actor: Actor<K, M, S, E, R>, key: NoInfer<K>): Effect.Effect<Option.Option<S>>
    /** Kills the actor's replicas here without a drain, as a crash would, and starts them anew at once. */
    crash(actor: { readonly name: string }): Effect.Effect<void>
  }
>()("sixfold/TestKit") {
  /** Runs the topology on a broker and a database in memory. */
  static layer<R>(topology: Topology<R>, options: Pick<Supervision.LayerOptions, "actors" | "scale"> = {}) {
    return layerKit.pipe(
      Layer.provideMerge(Supervision.layer(topology, options)),
      Layer.provideMerge(Log.layer),
      Layer.provideMerge(Sqlite.layer(":memory:")),
      Layer.provideMerge(Embedded.layerMemory),
      Layer.orDie
    )
  }
}

const layerKit = Layer.effect(
  TestKit,
  Effect.gen(function* () {
    const kafka = yield* Kafka
    const log = yield* Log
    const actors = yield* Actors

    const quiet = Effect.gen(function* () {
      for (let [still, calm, last] = [0, 0, -1]; still < patience && calm < 3; still++) {
        calm = (yield* actors.busy) ? 0 : calm + 1
        const now = actors.progress()
        if (now !== last) still = 0
        last = now
        yield* Effect.yieldNow
      }
    })

    return TestKit.of({
      send: (topic, key, value) => Effect.orDie(Effect.asVoid(log.append(topic, key, value))),
      quiet,
      read: (topic) => Effect.orDie(Reading.readTopic(kafka, topic)),
      state: (actor, key) => Effect.orDie(Reading.readState(kafka, actor, key)),
      crash: ({ name }) => Effect.asVoid(actors.crash(name))
    })
  })
)
