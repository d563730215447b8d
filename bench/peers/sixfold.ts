/** The contestant at home. */
import { Context, Effect, Layer, Logger, Schema } from "effect"
import { Actor, Actors, Topic, Topology } from "../../src/index.ts"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"
import { handlerMillis, partitions } from "./workload.ts"
import type { Job, Outcome } from "./workload.ts"

const { bootstrap, output, task, topic } = JSON.parse(process.argv[2]!) as Job
const Value = Schema.Struct({ n: Schema.Int })
const inbox = Topic.make(topic, { value: Value, partitions })
const outbox = Topic.make(output, { value: Value, partitions })

let began = 0
const started = () => {
  if (began === 0) began = performance.now()
}

const counting = Actor.make("counting", { inbox, emits: [outbox], state: Schema.Int, initial: 0 }).handle({
  message: (state, { n }, turn) => {
    started()
    return Effect.as(turn.emit(outbox, turn.key, { n }), state + 1)
  }
})
/** With a state of its own for each key, exactly once: more than is asked of it. */
const waiting = Actor.make("waiting", { inbox, state: Schema.Int, initial: 0 }).handle({
  message: (state) => {
    started()
    return Effect.as(Effect.sleep(handlerMillis), state + 1)
  }
})

const run = Effect.gen(function* () {
  const topology = task === "count" ? Topology.make("peers", counting) : Topology.make("peers", waiting)
  const { status } = Context.get(yield* Layer.build(Topology.layer(topology, { app: topic })), Actors)
  const isDone = () => {
    const owned = status().flatMap(({ replicas }) => replicas.flatMap((replica) => replica.partitions))
    return owned.length === partitions && owned.every(({ inFlight, lag, parked }) => inFlight + lag + parked === 0)
  }
  while (began === 0 || !isDone()) yield* Effect.sleep(5)
  return {
    seconds: (performance.now() - began) / 1_000,
    rss: Math.round(process.memoryUsage.rss() / 1024 / 1024)
  } satisfies Outcome
})

const outcome = await Effect.runPromise(
  run.pipe(Effect.scoped, Effect.provide([Cluster.layer({ brokers: bootstrap.split(",") }), Logger.layer([])]))
)
console.log(JSON.stringify(outcome))
process.exit(0)
