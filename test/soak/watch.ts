import { Clock, Effect } from "effect"
import { readFileSync, readdirSync, readlinkSync } from "node:fs"
import { get, named, told, until } from "../stories/world.ts"

/** One look at a process from outside. */
export interface Weight {
  readonly at: number
  /** Bytes. */
  readonly rss: number
  /** Sockets to the broker that has most of them: how many brokers are there at a moment says nothing about a leak. */
  readonly connections: number
  /** All descriptors but those to brokers. */
  readonly descriptors: number
}

/** The inodes of a process's sockets whose other end has one of these ports, by port. */
const socketsTo = (pid: number, ports: ReadonlyArray<number>) => {
  const found = new Map(ports.map((port) => [port, new Set<string>()]))
  for (const line of readFileSync(`/proc/${pid}/net/tcp`, "utf8").split("\n").slice(1)) {
    const [, , remote, , , , , , , inode] = line.trim().split(/\s+/)
    if (inode !== undefined) found.get(Number.parseInt(remote!.split(":")[1]!, 16))?.add(`socket:[${inode}]`)
  }
  return [...found.values()]
}

/** What a descriptor leads to; it may have been closed since it was listed. */
const target = (path: string) => {
  try {
    return readlinkSync(path)
  } catch {
    return ""
  }
}

/** Looks at a process every few seconds, until interrupted. */
export const weighing = Effect.fnUntraced(function* (
  pid: () => number,
  brokers: ReadonlyArray<number>,
  into: Array<Weight>
) {
  return yield* Effect.forever(
    Effect.gen(function* () {
      const sockets = socketsTo(pid(), brokers)
      const open = readdirSync(`/proc/${pid()}/fd`).map((fd) => target(`/proc/${pid()}/fd/${fd}`))
      const status = readFileSync(`/proc/${pid()}/status`, "utf8")
      into.push({
        at: yield* Clock.currentTimeMillis,
        rss: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) * 1_024,
        connections: Math.max(...sockets.map((of) => open.filter((each) => of.has(each)).length)),
        descriptors: open.filter((each) => !sockets.some((of) => of.has(each))).length
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
