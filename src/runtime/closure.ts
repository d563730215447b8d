/** A finished turn, as far as its order matters. */
interface Ordered {
  /** What its turns are kept in order for: its key. */
  readonly cell: object
  /** The inbox offset it consumes; -1: none. */
  readonly offset: number
}

/** The finished turns up to an inbox offset, and those that stay for a later settle. */
export interface Closure<T> {
  /** The offset to commit. */
  readonly next: number
  readonly included: ReadonlyArray<T>
  readonly rest: Array<T>
}

/**
 * The finished turns up to an inbox offset; fewer where a key's order demands it: a command overtakes the messages before it, and
 * what is held back behind it must not lie before the offset that is committed. At most `most` turns, the first to finish. Pure.
 */
export const closed = <T extends Ordered>(finished: ReadonlyArray<T>, upTo: number, most = Infinity): Closure<T> => {
  for (let next = upTo; ;) {
    let lowest = next
    const included: Array<T> = []
    const rest: Array<T> = []
    const heldBack = new Set<object>()
    for (const turn of finished) {
      if (turn.offset >= next || included.length >= most || heldBack.has(turn.cell)) {
        heldBack.add(turn.cell)
        rest.push(turn)
        if (turn.offset >= 0) lowest = Math.min(lowest, turn.offset)
      } else included.push(turn)
    }
    if (lowest === next) return { next, included, rest }
    next = lowest
  }
}
