import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { describe } from "vitest"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"

describe("the address of a broker", () => {
  it.effect.each(["127.0.0.1:99999", "127.0.0.1:0", "127.0.0.1:port", "127.0.0.1:-1", ":9092", ""])(
    "that nobody can be at is refused at once, by name: %j",
    (address) =>
      Effect.gen(function* () {
        const layer = Cluster.layer({ brokers: ["127.0.0.1:1", address] })
        const { message, reason } = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
        expect(reason).toBe("Refused")
        expect(message).toContain(`"${address}"`)
      }),
    2_000
  )
})
