/** A handler that does nothing, and one that takes 5 ms, each beside what does the same bare. */
import { Effect, Schema } from "effect"
import { Actor } from "../../src/actor/actor.ts"
import type { Place } from "./workload.ts"
import { alone, bare, chains, fedChains, fill, inTurns, run, share, summing, tenths } from "./workload.ts"

const millis = 5
const slow = ({ inbox }: Place) =>
  Actor.make("slow", { inbox, state: Schema.Int, initial: 0 }).handle({
    message: (state) => Effect.as(Effect.sleep(millis), state + 1)
  })

export const throughput = async (messages: number, rounds: number) => {
  const filled = <A, E, R>(
    count: number,
    keys: number,
    measure: (place: Place) => Effect.Effect<A, E, R>
  ): ((place: Place) => Effect.Effect<A, unknown, any>) =>
    Effect.fnUntraced(function* (place: Place) {
      yield* fill(place, count, (n) => `key-${n % keys}`)
      return yield* measure(place)
    })
  const quick = await inTurns(rounds, {
    bare: () => alone(filled(messages, 10_000, (place) => bare(place, messages))),
    noop: () => alone(filled(messages, 10_000, (place) => run(place, summing(place), messages)))
  })
  const few = Math.min(messages, 50_000)
  const waiting = await inTurns(rounds, {
    chains: () => chains(few, (n) => `key-${n % 1_000}`, millis),
    fed: () => alone(filled(few, 1_000, (place) => fedChains(place, few, millis))),
    slow: () => alone(filled(few, 1_000, (place) => run(place, slow(place), few)))
  })
  return {
    "no-op exactly once /s": quick.noop.rate,
    "bare loop /s": quick.bare.rate,
    "no-op : bare": share(quick.noop.rate, quick.bare.rate),
    "no-op : bare, in their own time": share(quick.noop.ownRate, quick.bare.ownRate),
    "no-op, µs of processor": tenths(quick.noop.micros),
    "bare, µs of processor": tenths(quick.bare.micros),
    "no-op : bare, by processor": share(quick.bare.micros, quick.noop.micros),
    "5 ms handler, 1,000 keys /s": waiting.slow.rate,
    "promise chains /s": waiting.chains.rate,
    "promise chains from the broker /s": waiting.fed.rate,
    "5 ms : chains": share(waiting.slow.rate, waiting.chains.rate),
    "5 ms : chains from the broker": share(waiting.slow.rate, waiting.fed.rate),
    "5 ms : chains from the broker, in their own time": share(waiting.slow.ownRate, waiting.fed.ownRate),
    "5 ms, µs of processor": tenths(waiting.slow.micros),
    "chains from the broker, µs of processor": tenths(waiting.fed.micros)
  }
}
