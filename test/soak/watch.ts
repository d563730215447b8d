import { Clock, Effect } from "effect"
import { readFileSync, readdirSync } from "node:fs"
import { get, named, told, until } from "../stories/world.ts"

/** One look at a process from outside. */
export interface Weight {
  readonly at: number
  /** Bytes. */
  readonly rss: number
  readonly descriptors: number
}

/** Looks at a process every few seconds, until interrupted. */
export const weighing = Effect.fnUntraced(function* (pid: () => number, into: Array<Weight>) {
  return yield* Effect.forever(
    Effect.gen(function* () {
      const status = readFileSync(`/proc/${pid()}/status`, "utf8")
      into.push({
        at: yield* Clock.currentTimeMillis,
        rss: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) * 1_024,
        descriptors: readdirSync(`/proc/${pid()}/fd`).length
      })
      yield* Effect.sleep("5 seconds")
    })
  )
})

/** How long it took from a command to the view that shows it; milliseconds. */
export interface Probe {
  readonly at: number
  readonly took: number
}

/** Sets the stock of one thing again and again and waits until it shows: a message, a state, an output and a projection. Until interrupted. */
export const probing = Effect.fnUntraced(function* (into: Array<Probe>) {
  const sku = named("probe")
  for (let quantity = 1; ; quantity++) {
    const at = yield* Clock.currentTimeMillis
    yield* told("PUT", `/inventory/${sku}`, { quantity })
    yield* until(get(`/inventory/${sku}`), (answer) => answer?.quantity === quantity)
    into.push({ at, took: (yield* Clock.currentTimeMillis) - at })
    yield* Effect.sleep("200 millis")
  }
})

export const percentile = (values: ReadonlyArray<number>, share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0
