import { Context, Effect, Layer } from "effect"
import { inject } from "vitest"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { launch, trouble } from "./fleet.ts"
import type { Ship } from "./fleet.ts"
import { paymentService } from "./payments.ts"
import type { PaymentService } from "./payments.ts"
import { World } from "./world.ts"

/** The broker, the database, and the payment service: what all processes of the system are started with. */
export class Ground extends Context.Service<
  Ground,
  { readonly kafka: Kafka["Service"]; readonly database: string; readonly payments: PaymentService }
>()("test/stories/Ground") {}

export const ground = Layer.effect(
  Ground,
  Effect.gen(function* () {
    const brokers = inject("bootstrap").split(",")
    const kafka = Context.get(yield* Layer.build(Cluster.layer({ brokers })), Kafka)
    return Ground.of({ kafka, database: inject("postgres"), payments: yield* paymentService })
  })
).pipe(Layer.orDie)

/** A process of the system, started as a user starts it. */
export const process = Effect.fnUntraced(function* (name: string, ...flags: ReadonlyArray<string>) {
  const { database, payments } = yield* Ground
  return yield* launch({ bootstrap: inject("bootstrap"), database, payments: payments.url }, name, ...flags)
})

/** The system that these processes are: `gateways` take requests. */
export const world = Effect.fnUntraced(function* (options: {
  readonly gateways: ReadonlyArray<Ship>
  readonly size: number
  readonly trouble?: Effect.Effect<void>
}) {
  const { kafka, payments } = yield* Ground
  const urls = options.gateways.map(({ url }) => url)
  return World.of({ urls, kafka, payments, trouble: options.trouble ?? Effect.void, size: options.size })
})

/** Two processes, each with everything: nothing happens to them. */
export const calm = Layer.effect(
  World,
  Effect.gen(function* () {
    const gateways = yield* Effect.forEach(["one", "two"], (name) => process(name), { concurrency: 2 })
    return yield* world({ gateways, size: 2 })
  })
).pipe(Layer.provide(ground))

/** The stories ask for more, and share some. */
const leastKills = 3

/** Two processes, each with everything: one after the other is killed at a moment that the seed decides, whenever a story asks for trouble. */
export const killed = (seed: number) =>
  Layer.effect(
    World,
    Effect.gen(function* () {
      const gateways = yield* Effect.forEach(["one", "two"], (name) => process(name), { concurrency: 2 })
      const { ask, kills } = yield* trouble(gateways, seed)
      yield* Effect.addFinalizer(() =>
        kills() >= leastKills ? Effect.void : Effect.die(new Error(`only ${kills()} kills: nothing was shown`))
      )
      return yield* world({ gateways, size: 2, trouble: ask })
    })
  ).pipe(Layer.provide(ground))
