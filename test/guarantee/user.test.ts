import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option, Schema } from "effect"
import { Actor, Topic, Topology } from "../../src/index.ts"
import { simulate } from "../../src/testing/index.ts"
import type { Scenario } from "../../src/testing/index.ts"

/** A payment service: it may be called twice for one payment, with the same idempotency key. */
class Payments extends Context.Service<Payments, { pay(key: string, amount: number): void }>()("test/Payments") {}

const payments = Topic.make("payments", { value: Schema.Int, partitions: 2 })
const payer = Actor.make("payer", { inbox: payments, state: Schema.Int, initial: 0 }).handle({
  message: Effect.fnUntraced(function* (total, amount, turn) {
    const service = yield* Payments
    service.pay(turn.idempotencyKey, amount)
    yield* Effect.sleep("100 millis")
    return total + amount
  })
})

const users = ["ada", "bob", "eve"]

/** What was sent, what the state says, and what the service was paid, whether or not it looks at idempotency keys. */
const scenario = (isIdempotent: boolean) => (): Scenario => {
  const seen = new Set<string>()
  const sent = new Map(users.map((user) => [user, 0]))
  let paid = 0
  const service = Layer.succeed(
    Payments,
    Payments.of({
      pay: (key, amount) => {
        if (isIdempotent && seen.has(key)) return
        seen.add(key)
        paid += amount
      }
    })
  )
  return {
    topology: Topology.provide(service)(Topology.make("shop", payer)),
    send: (world, draw) => {
      const [user, amount] = [draw.pick(users), 1 + draw.below(9)]
      sent.set(user, sent.get(user)! + amount)
      return world.send(payments, user, amount)
    },
    check: Effect.fnUntraced(function* (world) {
      const wrong: Array<string> = []
      for (const user of users) {
        const total = Option.getOrElse(yield* world.state(payer, user), () => 0)
        if (total !== sent.get(user)) wrong.push(`${user}'s total is ${total}, not ${sent.get(user)}`)
      }
      const due = [...sent.values()].reduce((sum, each) => sum + each, 0)
      return paid === due ? wrong : [...wrong, `paid ${paid} of ${due}`]
    })
  }
}

describe("simulate, for a topology of one's own", () => {
  it.live(
    "passes where the outside is idempotent, and says what it tried",
    () =>
      Effect.gen(function* () {
        const { faults, seeds } = yield* simulate(scenario(true), { seeds: 10 })
        assert.strictEqual(seeds, 10)
        assert.isAbove(faults.get("process killed") ?? 0, 0)
      }),
    240_000
  )

  it.live(
    "finds an effect outside of the log that takes place twice, and the seed that it names fails again in the same way",
    () =>
      Effect.gen(function* () {
        const failed = yield* Effect.flip(simulate(scenario(false), { seeds: 20 }))
        assert.match(failed.violations.join(), /^paid \d+ of \d+$/)
        assert.include(failed.message, `{ first: ${failed.seed}, seeds: 1 }`)
        const again = yield* Effect.flip(simulate(scenario(false), { first: failed.seed, seeds: 1 }))
        assert.deepStrictEqual(again.story, failed.story)
        assert.deepStrictEqual(again.violations, failed.violations)
      }),
    240_000
  )
})
