/**
 * How often a child may be restarted, and how long each restart waits: the bookkeeping of one child, as pure data.
 * One-for-one, with intensity and period as in Erlang/OTP; but a child beyond its intensity does not take the others
 * down: it is failed, and is tried again slowly.
 */

/** All times in milliseconds. */
export interface Policy {
  /** Restarts allowed within `period`. Default 5. */
  readonly intensity: number
  /** Default one minute. A child that stayed up this long is forgiven everything. */
  readonly period: number
  /** The n-th restart within the period waits `base × 2^(n−1)`, at most `max`. Defaults 200 ms and 10 s. */
  readonly base: number
  readonly max: number
  /** How long a failed child waits for its next try. Default one minute. */
  readonly slow: number
  /** A second fencing within this time means that another live process has our name. Default 5 minutes. */
  readonly fencing: number
}

export const policy: Policy = { intensity: 5, period: 60_000, base: 200, max: 10_000, slow: 60_000, fencing: 300_000 }

/**
 * Why a run ended: it crashed; the broker was away; another producer took its transactional id; or it was refused, for a
 * reason that only people can change (a reset offset, a missing right), so that quick restarts are no use.
 */
export type Ending = "crash" | "away" | "fenced" | "refused"

export interface History {
  /** When it crashed within the last period, oldest first; at most `intensity + 1` of them. */
  readonly crashes: ReadonlyArray<number>
  /** Runs in a row that ended because the broker was away. */
  readonly away: number
  readonly fencedAt: number | undefined
  /** Beyond its intensity, and not up for a whole period since. */
  readonly failed: boolean
}

export const fresh: History = { crashes: [], away: 0, fencedAt: undefined, failed: false }

/** What to do next. `delay` is the longest wait: jitter only shortens it. */
export type Next =
  | { readonly act: "restart"; readonly delay: number; readonly history: History }
  | { readonly act: "wait"; readonly delay: number; readonly history: History }
  | { readonly act: "retry slowly"; readonly delay: number; readonly history: History }
  | { readonly act: "give up" }

const exponential = (policy: Policy, n: number): number => Math.min(policy.max, policy.base * 2 ** Math.min(n - 1, 30))

const crashed = (policy: Policy, history: History, now: number): Next => {
  const crashes = [...history.crashes.filter((at) => now - at < policy.period), now].slice(-(policy.intensity + 1))
  const failed = history.failed || crashes.length > policy.intensity
  const next = { ...history, crashes, away: 0, failed }
  return failed
    ? { act: "retry slowly", delay: policy.slow, history: next }
    : { act: "restart", delay: exponential(policy, crashes.length), history: next }
}

/**
 * The decision after a run that began at `startedAt` and ended at `now`.
 *
 * Fenced once may be the broker's own sweep of a transaction that this process, frozen, had left open; the restart takes
 * the id back. Fenced again soon after, somebody else is taking it back too, and one of the two must go.
 */
export const next = (policy: Policy, history: History, ending: Ending, startedAt: number, now: number): Next => {
  const held = now - startedAt >= policy.period
  const before = held ? { ...fresh, fencedAt: history.fencedAt } : history
  switch (ending) {
    case "crash":
      return crashed(policy, before, now)
    case "away": {
      const away = now - startedAt > policy.max ? 1 : before.away + 1
      return { act: "wait", delay: exponential(policy, away), history: { ...before, away } }
    }
    case "refused":
      return crashed(policy, { ...before, failed: true }, now)
    case "fenced":
      return before.fencedAt !== undefined && now - before.fencedAt < policy.fencing
        ? { act: "give up" }
        : crashed(policy, { ...before, fencedAt: now }, now)
  }
}

/** `random` in [0, 1): between half of the delay and all of it, so that many children do not come back as one. */
export const jittered = (delay: number, random: number): number => delay / 2 + (delay / 2) * random
