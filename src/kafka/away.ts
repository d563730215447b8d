import type { Clock } from "effect"

/** A broker that does not answer and is waited for: since when (milliseconds since the epoch), and what for. */
export interface Away {
  readonly since: number
  readonly cause: string
}

/** The one of two that has lasted longer. */
export const longer = <A extends { readonly since: number }>(a: A | undefined, b: A | undefined): A | undefined =>
  a === undefined || (b !== undefined && b.since < a.since) ? b : a

/** Whether somebody answers: an absence lasts from the first of the failures in a row. */
export class Absence {
  readonly #clock: Clock.Clock
  away: Away | undefined

  constructor(clock: Clock.Clock) {
    this.#clock = clock
  }

  failed(cause: string): void {
    this.away ??= { since: this.#clock.currentTimeMillisUnsafe(), cause }
  }

  answered(): void {
    this.away = undefined
  }
}
