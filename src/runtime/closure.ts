import type { Cell } from "./cell.ts"
import type { Finished } from "./partition.ts"

/** The finished turns up to an inbox offset, and those that stay for a later settle. */
export interface Closure {
  /** The offset to commit. */
  readonly next: number
  readonly included: ReadonlyArray<Finished>
  readonly rest: Array<Finished>
}

/**
 * The finished turns up to an inbox offset; fewer where a key's order demands it: a command overtakes the messages before it, and
 * what is held back behind it must not lie before the offset that is committed. Pure.
 */
export const closed = (finished: ReadonlyArray<Finished>, upTo: number): Closure => {
  for (let next = upTo; ;) {
    let lowest = next
    const included: Array<Finished> = []
    const rest: Array<Finished> = []
    const heldBack = new Set<Cell>()
    for (const turn of finished) {
      if (turn.offset >= next || heldBack.has(turn.cell)) {
        heldBack.add(turn.cell)
        rest.push(turn)
        if (turn.offset >= 0) lowest = Math.min(lowest, turn.offset)
      } else included.push(turn)
    }
    if (lowest === next) return { next, included, rest }
    next = lowest
  }
}
