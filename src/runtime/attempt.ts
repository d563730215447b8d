import { Cause, Duration, Effect, Exit, Predicate, Result } from "effect"
import type { ActorDefinition } from "../actor/actor.ts"
import type { Decision, Retry, Verdict } from "../actor/decision.ts"
import { defectRetry } from "../actor/decision.ts"
import { printable, shownKey } from "../actor/printable.ts"
import type { Turn } from "../actor/turn.ts"
import { wordsOf } from "../actor/wordsOf.ts"
import type { Header } from "../kafka/records.ts"
import type { Circumstances, Emitted, Reported, TimerChange } from "./collect.ts"
import type { StateCodec } from "./codec.ts"
import { CollectingTurn } from "./collect.ts"

type AnyDecision = Decision<unknown, unknown, unknown, string, unknown>
type Handler = (state: unknown, turn: Turn<unknown, string>) => Effect.Effect<unknown, unknown, unknown>

/** One attempt at one message or timer. */
export interface Attempt extends Circumstances {
  readonly definition: ActorDefinition
  readonly state: unknown
  readonly handler: Handler
  /** It has been tried for too long: whatever the decision's retries say, this is the last one. */
  readonly isLast?: boolean
  /** The next state as JSON (null: the initial one); a state that breaks its schema is the handler's failure. */
  readonly encode: StateCodec["encode"]
}

/** How an attempt ended. A failed one leaves nothing behind but what its decision's own turns collected. */
export type Ending =
  | { readonly _tag: "Settled" }
  | { readonly _tag: "Ignored"; readonly cause: string }
  | { readonly _tag: "Retry"; readonly cause: string; readonly delay: number }
  | { readonly _tag: "DeadLetter"; readonly cause: string }
  | { readonly _tag: "Hold"; readonly cause: string }
  | { readonly _tag: "Escalate"; readonly cause: string }

export interface Outcome {
  readonly state: unknown
  /** The state as JSON; null deletes it (it is the initial one again). */
  readonly json: string | null
  readonly emitted: ReadonlyArray<Emitted>
  readonly reported: ReadonlyArray<Reported>
  readonly timers: ReadonlyMap<string, TimerChange> | undefined
  /** What its status records carry: the trace context. */
  readonly headers: ReadonlyArray<Header>
  readonly ending: Ending
}

const settled: Ending = { _tag: "Settled" }

/** Runs the handler once and applies the actor's decision where it fails. Never fails; an interruption is not caught. */
export const attempt = (self: Attempt): Effect.Effect<Outcome, never, unknown> => {
  const turn = new CollectingTurn(self)
  return Effect.matchCauseEffect(
    called(() => self.handler(self.state, turn)),
    {
      onSuccess: (state) => {
        const json = self.encode(state)
        return Result.isSuccess(json)
          ? Effect.succeed(outcome({ state, json: json.success }, turn, settled))
          : failed(self, Cause.die(json.failure))
      },
      onFailure: (cause) => failed(self, cause)
    }
  )
}

/** What a handler answers; the types were perhaps not looked at. */
const called = <A, E, R>(handler: () => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const answer = handler()
    return Effect.isEffect(answer) ? answer : Effect.die(new TypeError("the handler answered no Effect"))
  })

/** Whose failure a line of the log is about. */
const named = (self: Attempt) => ({
  actor: self.definition.name,
  key: shownKey(String(self.key)),
  idempotencyKey: printable(self.idempotencyKey, 120)
})

/** A decision that overrules the actor's own. `isQuiet`: without the actor's own turn about the dead letter. */
interface Ruling extends AnyDecision {
  readonly isQuiet?: true
}

/** What trying again cannot mend: undecodable bytes, a settle that the broker refuses for what it holds. */
export const giveUp: Ruling = { then: "dead-letter" }
export const giveUpQuietly: Ruling = { then: "dead-letter", isQuiet: true }

/**
 * What becomes of an attempt that failed with this cause: by the actor's decision for a typed error, else (a defect, a time-out)
 * by `defectRetry` and then a dead letter. `decided` overrules both.
 */
export const failed = Effect.fnUntraced(function* (
  self: Attempt,
  cause: Cause.Cause<unknown>,
  decided?: Ruling
): Effect.fn.Return<Outcome, never, unknown> {
  const error = Cause.squash(cause)
  // It is stored with what waits, and goes with a dead letter: there has to be room for it.
  const description = wordsOf(error, describe)
  const typed = cause.reasons.some(Cause.isFailReason)
  const decision = decided ?? (typed ? decisionFor(self.definition, error) : undefined)
  if (decision === undefined) {
    const unexpected = "A handler failed unexpectedly"
    yield* Effect.logError(unexpected, cause).pipe(
      // A logger that looks at the error may be thrown at.
      Effect.catchDefect(() => Effect.logError(unexpected, description)),
      Effect.annotateLogs({ ...named(self), attempt: self.attempt })
    )
  }
  const { retry, then, onGiveUp, onRetry } = decision ?? { retry: defectRetry, then: "dead-letter" as const }
  const turn = new CollectingTurn(self)
  const isLast = self.isLast === true || self.definition.isAtLeastOnce
  if (retry !== undefined && !isLast && self.attempt <= (retry.times ?? Infinity)) {
    const told = yield* tell(self, turn, self.state, onRetry && ((state) => onRetry(state, error, turn)))
    return outcome(told, turn, { _tag: "Retry", cause: description, delay: delayOf(retry, self.attempt) })
  }
  let next = yield* tell(self, turn, self.state, onGiveUp && ((state) => onGiveUp(state, error, turn)))
  if (then === "dead-letter") {
    const deadLetter = decided?.isQuiet === true ? undefined : self.definition.handlers.deadLetter
    const letter = { id: self.idempotencyKey, cause: description, attempts: self.attempt, source: self.source }
    next = yield* tell(self, turn, next.state, deadLetter && ((state) => deadLetter(state, letter, turn)), next)
  }
  return outcome(next, turn, { _tag: endings[then], cause: description })
})

const endings = { "dead-letter": "DeadLetter", hold: "Hold", ignore: "Ignored", escalate: "Escalate" } as const

type Encoded = Pick<Outcome, "state" | "json">

/** Throws where the state breaks its schema. */
const encoded = (self: Attempt, state: unknown): Encoded => ({ state, json: Result.getOrThrow(self.encode(state)) })

const outcome = (next: Encoded, turn: CollectingTurn, ending: Ending): Outcome => ({
  state: next.state,
  json: next.json,
  emitted: turn.emitted,
  reported: turn.reported,
  timers: turn.timers,
  headers: turn.about.headers,
  ending
})

/** A turn of its own about a failure. If it fails itself, the failure stands without it. */
const tell = Effect.fnUntraced(function* (
  self: Attempt,
  turn: CollectingTurn,
  state: unknown,
  teller: ((state: unknown) => Effect.Effect<unknown, unknown, unknown>) | undefined,
  before: Encoded = encoded(self, self.state)
): Effect.fn.Return<Encoded, never, unknown> {
  if (teller === undefined) return before
  const [emitted, reported, timers] = [turn.emitted.slice(), turn.reported.slice(), new Map(turn.timers)]
  const exit = yield* Effect.exit(
    Effect.map(
      called(() => teller(state)),
      (next) => encoded(self, next)
    )
  )
  if (Exit.isSuccess(exit)) return exit.value
  turn.emitted = emitted
  turn.reported = reported
  turn.timers = timers
  yield* Effect.logError("A turn about a failure failed itself", exit.cause).pipe(Effect.annotateLogs(named(self)))
  return before
})

const decisionFor = (definition: ActorDefinition, error: unknown): AnyDecision | undefined => {
  if (!Predicate.hasProperty(error, "_tag") || typeof error._tag !== "string") return undefined
  if (!Object.hasOwn(definition.decisions, error._tag)) return undefined
  const decision: Verdict | AnyDecision | undefined = definition.decisions[error._tag]
  return typeof decision === "string" ? { then: decision } : decision
}

const delayOf = (retry: Retry, attempt: number): number =>
  Math.min(
    Duration.toMillis(retry.base) * (retry.factor ?? 2) ** (attempt - 1),
    Duration.toMillis(retry.max ?? "1 hour")
  )

const describe = (error: unknown): string =>
  Predicate.hasProperty(error, "_tag")
    ? `${String(error._tag)}${error instanceof Error && error.message !== "" ? `: ${error.message}` : ""}`
    : error instanceof Error
      ? `${error.name}: ${error.message}`
      : String(error)
