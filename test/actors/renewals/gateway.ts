import { Effect, Layer } from "effect"
import { Payments, type Declined, type Unavailable } from "../../../actors/renewals/payments.ts"

type Answer = Effect.Effect<void, Declined | Unavailable>

/** A payment service in memory. As a real one it makes one charge for one key, and it says what the test tells it to. */
export const gateway = () => {
  const calls: Array<{ readonly key: string; readonly userId: string; readonly amount: number }> = []
  const charged = new Map<string, number>()
  /** `before` comes before the charge is made; a failure of `afterwards` is an answer that was lost. */
  const answers: { before: Answer; afterwards: Answer } = { before: Effect.void, afterwards: Effect.void }
  const charge = Effect.fnUntraced(function* (key: string, userId: string, amount: number) {
    calls.push({ key, userId, amount })
    yield* answers.before
    if (!charged.has(key)) charged.set(key, amount)
    yield* answers.afterwards
  })
  return { answers, calls, charged, layer: Layer.succeed(Payments, Payments.of({ charge })) }
}
