import { Effect, Schema } from "effect"
import { Actor } from "sixfold"
import { Texts } from "./texts.ts"
import { scans, whereabouts } from "./topics.ts"

/** Follows each parcel from scan to scan, tells its recipient at the door, and calls it overdue after two silent hours. */
export const tracker = Actor.make("tracker", {
  inbox: scans,
  emits: [whereabouts],
  state: Schema.Struct({ seen: Schema.Int, channel: Schema.optionalKey(Schema.String) }),
  initial: { seen: 0 },
  timers: ["silence"]
})
  .handle({
    message: Effect.fnUntraced(function* (state, scan, turn) {
      if (scan.place === "door") {
        const texts = yield* Texts
        yield* texts.send(turn.idempotencyKey, turn.key, "it is at your door")
        yield* turn.cancel("silence")
      } else {
        yield* turn.set("silence", { after: "2 hours" })
      }
      const seen = state.seen + 1
      const channel = scan.channel ?? state.channel
      yield* turn.emit(whereabouts, turn.key, { place: scan.place, seen })
      yield* turn.report(channel, { kind: "parcel", parcel: turn.key, place: scan.place })
      return channel === undefined ? { seen } : { seen, channel }
    }),
    timer: {
      silence: Effect.fnUntraced(function* (state, turn) {
        yield* turn.emit(whereabouts, turn.key, { place: "overdue", seen: state.seen })
        yield* turn.report(state.channel, { kind: "parcel", parcel: turn.key, place: "overdue" })
        return state
      })
    }
  })
  .errors({ NoAnswer: { retry: { base: "5 seconds", times: 10 }, then: "dead-letter" } })
