// What the page knows of the topology and its actors. No channel tells it: `/actors` is asked every two seconds.

import { makeLife, makeSignal } from "./life.js"
import { poll } from "./poll.js"
import { makeRates } from "./rates.js"
import { get } from "./session.js"

const every = 2_000

/** `GET /topology`. */
export const topology = makeSignal(undefined)

/** The newest `{ actors, rates, here }`: the answer of `GET /actors`, records settled a second by name, and the processes behind this server. */
export const system = makeSignal(undefined)

let life
let again = () => undefined

/** Asks at once: after a command. */
export const refresh = () => again()

/** Everything that is summed up of an actor's partitions; no lag where it tells of none. */
export const summaryOf = ({ replicas }) => {
  const heard = replicas.filter(({ silentSince }) => silentSince === undefined)
  const sum = { replicas: heard.length, partitions: 0, lag: 0, inFlight: 0, parked: 0, held: 0, restarts: 0 }
  for (const { partitions, restarts } of replicas) {
    sum.restarts += restarts
    sum.partitions += partitions.length
    for (const { held, inFlight, lag, parked, stuck } of partitions) {
      sum.held += stuck?.count ?? (held === null ? 0 : 1)
      sum.lag += lag
      sum.inFlight += inFlight
      sum.parked += parked
    }
  }
  return sum.partitions === 0 ? { ...sum, lag: undefined } : sum
}

const ask = async (signal) => {
  const [actors, own] = await Promise.all([get("/actors", signal), get("/health/actors", signal)])
  const here = new Set(own.flatMap(({ replicas }) => replicas.map(({ instance }) => instance)))
  return { actors, here }
}

export const stopSystem = () => life?.end()

/** Begins anew. */
export const startSystem = () => {
  stopSystem()
  life = makeLife()
  const rates = makeRates()
  let isStale = true
  again = poll(
    life,
    every,
    async (signal) => {
      // A server that was away may come back as another one.
      if (isStale) topology.set(await get("/topology", signal))
      isStale = false
      return ask(signal)
    },
    ({ actors, here }) => system.set({ actors, here, rates: rates(actors, performance.now()) }),
    () => {
      isStale = true
    }
  )
}
