import { Effect } from "effect"
import { KafkaError } from "../../kafka/errors.ts"
import type { BrokerRequest, FaultHook, Verdict } from "../../kafka/embedded/faults.ts"
import type { Draw } from "./draw.ts"

/** How often each kind of fault was injected. */
export type Tally = Map<string, number>

export const count = (tally: Tally, what: string): void => {
  tally.set(what, (tally.get(what) ?? 0) + 1)
}

/**
 * A network and a broker in bad shape: requests that never arrive, answers that get lost, requests that arrive late,
 * refusals. Always two draws a request, so that a seed replays whatever the answer.
 */
export const make =
  (draw: Draw, tally: Tally, spared: string, severity: () => number): FaultHook =>
  (request) =>
    Effect.sync(() => {
      const what = draw.below(1_000)
      const delay = 1 + draw.below(20_000)
      if (request.client === spared) return "pass"
      const verdict = verdictFor(request, what, delay, severity())
      if (verdict !== "pass")
        count(
          tally,
          `${request.kind}: ${typeof verdict === "string" ? verdict : "later" in verdict ? "late" : "refused"}`
        )
      return verdict
    })

const verdictFor = (request: BrokerRequest, what: number, delay: number, severity: number): Verdict => {
  const scaled = what / severity
  if (scaled < 15) return "fail"
  if (scaled < 30) return "lose"
  // Only the end of a transaction is dangerous when it is late: it may end the next one.
  if (scaled < 40 && request.kind === "end") return { later: Effect.sleep(delay) }
  if (scaled < 50 && (request.kind === "write" || request.kind === "committed" || request.kind === "init")) {
    return { error: new KafkaError({ reason: "Unavailable", message: "the coordinator is loading" }) }
  }
  return "pass"
}
