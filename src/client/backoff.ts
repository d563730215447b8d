/** How long to wait before the next try, in milliseconds. */
export interface Backoff {
  /** At most, before the first try. Doubles with each that fails. */
  readonly first: number
  /** At most, ever; also of what a server asks for. */
  readonly longest: number
}

export const defaultBackoff: Backoff = { first: 500, longest: 15_000 }

/**
 * Half of it is left to chance, so that a restart is no stampede.
 *
 * @param failures tries in a row that failed
 * @param hint what the server asked for, in milliseconds: it has spread its clients already
 * @param chance 0 to 1
 */
export const waitOf = ({ first, longest }: Backoff, failures: number, hint: number | undefined, chance: number) => {
  if (hint !== undefined && failures === 0) return Math.min(Math.max(hint, first / 2), longest)
  const wait = Math.min(first * 2 ** Math.min(failures, 30), longest)
  return (wait * (1 + chance)) / 2
}
