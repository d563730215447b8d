/** What a key that is hot, parked or slow costs the others. */
import { Effect, Schema } from "effect"
import { Actor } from "../../src/actor/actor.ts"
import { alone, fill, inTurns, run, share } from "./workload.ts"
import type { Place } from "./workload.ts"

/** Every so many messages are of the one other key. */
const every = 50
const isOther = (n: number) => n % every === every - 1
type Other = "none" | "hot" | "parked" | "slow"

/** 9,999 cool keys and another: a hot one takes 1 ms a message and gets more than it can do, a parked one fails always. */
const mixed = ({ inbox }: Place, other: Other, took: { cool: number }) =>
  Actor.make("mixed", { inbox, state: Schema.Int, initial: 0 }).handle({
    message: (state, _, turn) => {
      if (turn.key !== "other") return Effect.sync(() => (took.cool++, state + 1))
      switch (other) {
        case "parked":
          return Effect.die(new Error("away"))
        case "slow":
          return Effect.as(Effect.sleep("1 minute"), state + 1)
        default:
          return Effect.as(Effect.sleep(1), state + 1)
      }
    }
  })

const beside = (messages: number, other: Other) =>
  alone(
    Effect.fnUntraced(function* (place) {
      const isNow = (n: number) => (other === "slow" ? n === 1_000 : other !== "none" && isOther(n))
      yield* fill(place, messages, (n) => (isNow(n) ? "other" : `key-${n % 9_999}`))
      const took = { cool: 0 }
      const cool = messages - Array.from({ length: messages }, (_, n) => n).filter(isNow).length
      // The same share of the messages counts in each run, whoever the rest are of.
      return yield* run(place, mixed(place, other, took), messages, () => took.cool >= cool)
    })
  )

/** Cool messages a second as a share of the same run with nobody else, and what a second of messages meets while a handler takes a minute. */
export const others = async (messages: number, rounds: number) => {
  const { hot, none, parked, slow } = await inTurns(rounds, {
    none: () => beside(messages, "none"),
    hot: () => beside(messages, "hot"),
    parked: () => beside(messages, "parked"),
    slow: () => beside(messages, "slow")
  })
  return {
    "cool keys alone /s": none.rate,
    "beside a hot key": share(hot.rate, none.rate),
    "beside a parked key": share(parked.rate, none.rate),
    "beside a handler of a minute": share(slow.rate, none.rate),
    "hot, in its own time": share(hot.ownRate, none.ownRate),
    "parked, in its own time": share(parked.ownRate, none.ownRate),
    "of a minute, in its own time": share(slow.ownRate, none.ownRate),
    "hot, by processor": share(none.micros, hot.micros),
    "parked, by processor": share(none.micros, parked.micros),
    "of a minute, by processor": share(none.micros, slow.micros)
  }
}
