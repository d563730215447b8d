import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { ground, process, world } from "./processes.ts"
import { isShared, replicasOf, scaled, scaleFlags } from "./scale.ts"
import { limit } from "./stories.ts"
import { get, until, World } from "./world.ts"

const scaledWorld = Layer.effect(
  World,
  Effect.gen(function* () {
    return yield* world({ gateways: [yield* process("scaled", ...scaleFlags)], size: 1 })
  })
).pipe(Layer.provideMerge(ground))

layer(scaledWorld, { excludeTestServices: true, timeout: "3 minutes" })("a process whose actors are scaled", (it) => {
  it.effect(
    "has as many replicas of each as it was told to, or none, while messages flow; who comes later does what waits",
    () =>
      Effect.gen(function* () {
        const orders = yield* scaled
        yield* Effect.scoped(
          Effect.gen(function* () {
            const late = yield* process("late", "--actors", "delivery", "--scale", "delivery=3")
            for (const orderId of orders) {
              const order = yield* until(get(`/orders/${orderId}`), (found) => found.invoice !== null)
              assert.deepStrictEqual([order.state, order.delivery], ["confirmed", "scheduled"])
            }
            yield* until(replicasOf("delivery"), (replicas) => isShared(replicas, 3))
            assert.deepStrictEqual(yield* late.stop, { code: 0, signal: null })
          })
        )
      }),
    limit * 60_000
  )
})
