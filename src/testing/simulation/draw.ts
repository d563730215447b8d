/** Random numbers that replay: the same seed, the same draws. (Mulberry32, T. Ettinger 2017, public domain.) */
export interface Draw {
  /** An integer from 0 to `below` − 1. */
  below(below: number): number
  chance(probability: number): boolean
  /** One of them, which are not none. */
  pick<A>(from: ReadonlyArray<A>): A
}

export const make = (seed: number): Draw => {
  let state = (seed ^ 0x9e3779b9) >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (below: number) => Math.floor(next() * below)
  return { below, chance: (probability) => next() < probability, pick: (from) => from[below(from.length)]! }
}
