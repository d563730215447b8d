// How much each actor settles in a second, from one answer of `/actors` to the next.

/** Answers are compared with the oldest one in this time: other processes tell only every few seconds. Milliseconds. */
const span = 12_000

/** Turns by partition, over all replicas, with whose count it is: an owner counts from when it took the partition. */
const countsOf = ({ name, replicas }) => {
  const counts = new Map()
  for (const { instance, partitions, replica, silentSince } of replicas) {
    if (silentSince !== undefined) continue
    for (const { partition, topic, turns } of partitions) {
      if (turns === undefined) continue
      counts.set(JSON.stringify([name, topic, partition]), { owner: `${replica} of ${instance}`, turns })
    }
  }
  return counts
}

/** What has been settled between two counts of a partition: a new owner, or one that has begun anew, counts from 0. */
const between = (before, after) => {
  if (before === undefined) return 0
  return after.turns - (before.owner === after.owner && before.turns <= after.turns ? before.turns : 0)
}

/** Remembers answers, and tells the rates: turns a second by actor, timers as well. Undefined before the second answer. */
export const makeRates = () => {
  const [samples, newest] = [[], new Map()]
  return (actors, now) => {
    const totals = new Map()
    for (const actor of actors) {
      const counts = countsOf(actor)
      let total = samples.at(-1)?.totals.get(actor.name)
      if (total === undefined && counts.size > 0) total = 0
      for (const [partition, after] of counts) {
        total += between(newest.get(partition), after)
        newest.set(partition, after)
      }
      if (total !== undefined) totals.set(actor.name, total)
    }
    while (samples.length > 1 && samples[1].at <= now - span) samples.shift()
    const [oldest] = samples
    samples.push({ at: now, totals })
    const rates = new Map()
    for (const [name, total] of totals) {
      const before = oldest?.totals.get(name)
      const seconds = (now - (oldest?.at ?? now)) / 1_000
      if (before !== undefined && seconds > 0) rates.set(name, (total - before) / seconds)
    }
    return rates
  }
}
