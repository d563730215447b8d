import type { Duration, Effect } from "effect"
import type { Turn } from "./turn.ts"

/**
 * Plain data, stored with a parked key: the n-th retry waits `base × factor^(n−1)`, at most `max`. `times` counts
 * retries (default: without limit); `Turn.attempt` counts from 1. `factor` defaults to 2, `max` to one hour.
 */
export interface Retry {
  readonly base: Duration.Input
  readonly factor?: number
  readonly max?: Duration.Input
  readonly times?: number
}

/**
 * What becomes of a message whose handler failed (for good):
 * - `dead-letter`: its bytes go to the actor's dead letters, with the error;
 * - `hold`: the key waits for an operator, its later messages behind it;
 * - `ignore`: as if it had been handled, without effect;
 * - `escalate`: the actor fails, and its supervisor decides.
 */
export type Verdict = "dead-letter" | "hold" | "ignore" | "escalate"

type TagOf<E> = E extends { readonly _tag: infer T extends string } ? T : "error must be tagged"

type Told<E, S, K, Timer extends string, R> = (state: S, error: E, turn: Turn<K, Timer>) => Effect.Effect<S, never, R>

/** `onRetry` and `onGiveUp` each run as a turn of their own on the state before the message: a failed attempt leaves nothing else behind. */
export interface Decision<E, S, K, Timer extends string, R> {
  readonly retry?: Retry
  readonly onRetry?: Told<E, S, K, Timer, R>
  readonly onGiveUp?: Told<E, S, K, Timer, R>
  readonly then: Verdict
}

/** One decision for each tag a handler can fail with. */
export type Decisions<E, S, K, Timer extends string, R> = {
  readonly [T in TagOf<E>]: Verdict | Decision<Extract<E, { readonly _tag: T }>, S, K, Timer, R>
}

/** Defects and time-outs are retried this way, then dead-lettered: three attempts in all. */
export const defectRetry: Retry = { base: "1 second", factor: 5, times: 2 }
