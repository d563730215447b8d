import { Effect, Metric } from "effect"
import type { Ending } from "./attempt.ts"

const seconds = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 300]
const counts = [1, 10, 100, 1_000, 10_000]

const turns = Metric.counter("sixfold_turns_total", {
  description: "Finished attempts, by how they ended",
  incremental: true
})
const handlerSeconds = Metric.histogram("sixfold_handler_seconds", {
  description: "Time one attempt took",
  boundaries: seconds
})
const settleSeconds = Metric.histogram("sixfold_settle_seconds", {
  description: "Time one committed settle took, in the broker's transaction",
  boundaries: seconds
})
const settleTurns = Metric.histogram("sixfold_settle_turns", {
  description: "Turns settled together",
  boundaries: counts
})
const settleFailures = Metric.counter("sixfold_settle_failures_total", {
  description: "Settles that did not commit, by outcome",
  incremental: true
})

/** What a replica counts. Attributes are bound once: the hot path only adds. Turns that went well are counted when they settle. */
export interface Meter {
  readonly turned: (ending: Ending["_tag"], millis: number) => void
  readonly settled: (turns: number, millis: number) => void
  readonly settleFailed: (outcome: string) => void
}

export const make = (actor: string): Effect.Effect<Meter> =>
  Effect.map(Effect.context<never>(), (context) => {
    const of = { actor }
    const byEnding = new Map<string, Metric.Counter<number>>()
    const byOutcome = new Map<string, Metric.Counter<number>>()
    const bound = (
      known: Map<string, Metric.Counter<number>>,
      metric: Metric.Counter<number>,
      name: string,
      value: string
    ) => {
      let counter = known.get(value)
      if (counter === undefined) {
        counter = Metric.withAttributes(metric, { ...of, [name]: value })
        known.set(value, counter)
      }
      return counter
    }
    const handler = Metric.withAttributes(handlerSeconds, of)
    const settle = Metric.withAttributes(settleSeconds, of)
    const settled = Metric.withAttributes(settleTurns, of)
    let well = 0
    const tell = () => {
      if (well > 0) bound(byEnding, turns, "ending", "Settled").updateUnsafe(well, context)
      well = 0
    }
    return {
      turned: (ending, millis) => {
        if (ending === "Settled") well++
        else bound(byEnding, turns, "ending", ending).updateUnsafe(1, context)
        handler.updateUnsafe(millis / 1_000, context)
      },
      settled: (turns, millis) => {
        tell()
        settle.updateUnsafe(millis / 1_000, context)
        settled.updateUnsafe(turns, context)
      },
      settleFailed: (outcome) => {
        tell()
        bound(byOutcome, settleFailures, "outcome", outcome).updateUnsafe(1, context)
      }
    }
  })
