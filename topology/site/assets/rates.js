// How much each actor settles in a second, from one answer of `/actors` to the next.

/** Answers are compared with the oldest one in this time: other processes tell only every few seconds. Milliseconds. */
const span = 12_000

/** Next offsets by partition, over all replicas. */
const offsetsOf = ({ replicas }) => {
  const offsets = new Map()
  for (const { partitions } of replicas) {
    for (const { partition, settled, topic } of partitions) {
      if (settled !== undefined) offsets.set(`${topic ?? ""}/${partition}`, settled)
    }
  }
  return offsets
}

const advance = (before, after) => {
  let sum = 0
  for (const [partition, settled] of after) sum += Math.max(0, settled - (before.get(partition) ?? settled))
  return sum
}

/** Remembers answers, and tells the rates: records a second by actor, counted by offset. Undefined before the second answer. */
export const makeRates = () => {
  const samples = []
  return (actors, now) => {
    const offsets = new Map(actors.map((actor) => [actor.name, offsetsOf(actor)]))
    while (samples.length > 1 && samples[1].at <= now - span) samples.shift()
    const [oldest] = samples
    samples.push({ at: now, offsets })
    const rates = new Map()
    for (const [name, after] of offsets) {
      const before = oldest?.offsets.get(name)
      const seconds = (now - (oldest?.at ?? now)) / 1_000
      if (before !== undefined && seconds > 0 && after.size > 0) rates.set(name, advance(before, after) / seconds)
    }
    return rates
  }
}
