/** A small seeded generator (mulberry32): the same seed gives the same run. */
export interface Seeded {
  /** 0 ≤ n < limit. */
  int(limit: number): number
  chance(probability: number): boolean
  bytes(maxLength: number): Uint8Array
}

export const seeded = (seed: number): Seeded => {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const int = (limit: number) => Math.floor(next() * limit)
  return {
    int,
    chance: (probability) => next() < probability,
    bytes: (maxLength) => Uint8Array.from({ length: int(maxLength + 1) }, () => int(256))
  }
}

/** One case per seed, 1 to `count`. */
export const seeds = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, index) => index + 1)
