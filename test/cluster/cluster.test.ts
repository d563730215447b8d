import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { describe } from "vitest"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"

it.effect.each([
  { cert: "no certificate", key: "no key" },
  { ca: "no authority", minVersion: "TLSv9" as "TLSv1.3" },
  { ciphers: "none" }
])(
  "settings of TLS that cannot be used are refused at once: %j",
  (tls) =>
    Effect.gen(function* () {
      const layer = Cluster.layer({ brokers: ["127.0.0.1:1"], tls })
      const { message, reason } = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
      expect(reason).toBe("Unauthorized")
      expect(message).toContain("tls on")
    }),
  2_000
)

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
