import { passive } from "./cell.ts"
import type { Cell } from "./cell.ts"

/** Most idle keys in one generation, and most characters of their states as JSON. */
const mostCells = 1_024
const mostChars = 1_048_576

/**
 * Which idle keys of a partition keep their state decoded: those settled last, one to two generations of them. A key that comes back
 * within that time is not decoded again; one that does not costs its JSON only.
 */
export class Decoded {
  private young: Array<Cell> = []
  private old: Array<Cell> = []
  private chars = 0
  private generation = 1

  /** The key has settled, and is idle. */
  keep(cell: Cell): void {
    if (cell.generation === this.generation) return
    cell.generation = this.generation
    this.young.push(cell)
    this.chars += cell.json?.length ?? 0
    if (this.young.length < mostCells && this.chars < mostChars) return
    for (const each of this.old) if (each.generation !== this.generation && each.idle) each.state = passive
    this.old = this.young
    this.young = []
    this.chars = 0
    this.generation++
  }
}
