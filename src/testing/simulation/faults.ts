import { Effect } from "effect"
import { KafkaError } from "../../kafka/errors.ts"
import type { BrokerRequest, RequestKind, Verdict } from "../../kafka/embedded/faults.ts"
import type { Draw } from "./draw.ts"
import type { Story } from "./story.ts"

/** What a process asks of the broker, or (`sql`) of the database. */
export interface Request extends Omit<BrokerRequest, "kind"> {
  readonly kind: RequestKind | "sql"
}

/** Asked before every request; held for as long as the effect takes. */
export type Faults = (request: Request) => Effect.Effect<Verdict>

/** How the network, the broker and the database are at the moment. */
export interface Weather {
  /** 0: all is well; at 4 about every fifth request goes wrong. */
  severity: number
  /** No broker can be reached. */
  isAway: boolean
  /** Nor the database. */
  isDatabaseAway: boolean
  /** Something that strikes in the middle of a request. */
  ambush: Ambush | undefined
}

/** Strikes a process at one of its next requests: between any two of its steps, since every await of a runtime is a request. */
export interface Ambush {
  readonly client: string
  /** How many requests pass before. */
  requests: number
  /** Whether the request still gets to the broker. */
  readonly arrives: boolean
  readonly strike: (request: Request) => Effect.Effect<unknown>
}

/**
 * A network, a broker and a database in bad shape: requests that never arrive, answers that get lost, requests that arrive late,
 * refusals. Always two draws a request, so that a seed replays whatever the answer. The `spared` client has no faults.
 */
export const make =
  (draw: Draw, story: Story, spared: string, weather: Weather): Faults =>
  (request) =>
    Effect.suspend(() => {
      const what = draw.below(1_000)
      const delay = 1 + draw.below(20_000)
      if (request.client === spared) return Effect.succeed<Verdict>("pass")
      story.trace(`${request.client} ${request.kind} ${request.subjects.join()}`)
      const { ambush } = weather
      if (ambush?.client === request.client && ambush.requests-- <= 0) {
        weather.ambush = undefined
        return Effect.as(ambush.strike(request), ambush.arrives ? "lose" : "fail")
      }
      const isAway = request.kind === "sql" ? weather.isDatabaseAway : weather.isAway
      const verdict = isAway ? "fail" : verdictFor(request, what / weather.severity, delay)
      if (verdict !== "pass") story.tell(named(request.kind, verdict), `${request.client}, ${request.subjects.join()}`)
      return Effect.succeed(verdict)
    })

const verdictFor = (request: Request, what: number, delay: number): Verdict => {
  if (what < 15) return "fail"
  if (what < 30) return "lose"
  if (request.kind === "sql") return "pass"
  // Only the end of a transaction is dangerous when it is late: it may end the next one.
  if (what < 40 && request.kind === "end") return { later: Effect.sleep(delay) }
  if (what < 50 && (request.kind === "write" || request.kind === "committed" || request.kind === "init")) {
    return { error: new KafkaError({ reason: "Unavailable", message: "the coordinator is loading" }) }
  }
  return "pass"
}

const named = (kind: string, verdict: Exclude<Verdict, "pass">): string => {
  if (verdict === "fail") return `${kind}: request lost`
  if (verdict === "lose") return `${kind}: answer lost`
  return "later" in verdict ? `${kind}: late` : `${kind}: refused`
}
