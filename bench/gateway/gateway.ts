/**
 * The WebSocket gateway with many clients, beside a bare `ws` server that does the same: each client has a channel of its own, then all
 * follow one as well. Server and clients are processes of their own; the broker is the embedded one, in the server's memory. The
 * two servers take turns. Run: `npm run bench -- gateway -- [sockets] [rounds]` (defaults 10,000 and 3). Prints, as medians:
 *
 * - `connect/s`: upgrades answered with a channel, 200 at a time;
 * - `kB/socket`: resident memory that each idle socket costs the server;
 * - `fan-out/s`: statuses of one channel, delivered to all sockets;
 * - `each/s`: statuses of all channels in turn, each delivered to one socket;
 * - and the server's processor time for one delivery, which depends less on what else the machine does.
 */
import { fork } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import type { FromClients, ToClients } from "./clients.ts"
import type { FromServer, ToServer } from "./server.ts"

const sockets = Number(process.argv[2] ?? 10_000)
const rounds = Number(process.argv[3] ?? 3)
/** Deliveries of a fan-out, and of statuses to one client each. */
const [shared, own] = [100, 10]

const file = (name: string) => new URL(`${name}.ts`, import.meta.url).pathname

const answer = async <A>(child: ChildProcess, message?: ToServer | ToClients): Promise<A> => {
  const gone = new AbortController()
  const ended = once(child, "exit", { signal: gone.signal }).then(([code]) => {
    throw new Error(`a process ended with ${code as number}`)
  })
  const answered = once(child, "message", { signal: gone.signal })
  if (message !== undefined) child.send(message)
  try {
    return (await Promise.race([answered, ended]))[0] as A
  } finally {
    ended.catch(() => undefined)
    gone.abort()
  }
}

const measure = async (which: "ours" | "bare") => {
  const server = fork(file("server"), [which], { execArgv: ["--expose-gc"] })
  const { port } = await answer<FromServer>(server)
  const clients = fork(file("clients"))
  const ask = (message: ToClients) => answer<FromClients>(clients, message)
  const weigh = () => answer<Required<FromServer>>(server, { do: "weigh" })

  /** Statuses to these channels; how long until all `deliveries` of them have come, and what that cost the server. */
  const publish = async (statuses: number, channels: ReadonlyArray<string>, deliveries: number) => {
    const before = await weigh()
    server.send({ do: "publish", statuses, channels } satisfies ToServer)
    const { seconds } = await ask({ do: "count", statuses: deliveries })
    const { cpu } = await weigh()
    return { perSecond: deliveries / seconds, micros: ((cpu - before.cpu) * 1e6) / deliveries }
  }

  const empty = await weigh()
  const { channels, seconds } = await ask({ do: "connect", port: port!, sockets })
  const full = await weigh()
  // The first of each kind warms up.
  await publish(sockets, channels!, sockets)
  const each = await publish(own * sockets, channels!, own * sockets)
  const { channels: one } = await ask({ do: "follow" })
  await publish(own, one!, own * sockets)
  const fanOut = await publish(shared, one!, shared * sockets)
  await ask({ do: "close" })
  for (const child of [clients, server]) {
    const ended = once(child, "exit")
    child.disconnect()
    await ended
  }
  return {
    connects: sockets / seconds,
    memory: (full.rss - empty.rss) / sockets / 1_000,
    heap: (full.heap - empty.heap) / sockets / 1_000,
    fanOut: fanOut.perSecond,
    fanOutCpu: fanOut.micros,
    each: each.perSecond,
    eachCpu: each.micros
  }
}

type Measured = Awaited<ReturnType<typeof measure>>
const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
const medians = (all: ReadonlyArray<Measured>) =>
  Object.fromEntries(
    Object.keys(all[0]!).map((name) => [name, median(all.map((each) => each[name as keyof Measured]))])
  ) as unknown as Measured

const found: Record<"ours" | "bare", Array<Measured>> = { ours: [], bare: [] }
for (let round = 0; round < rounds; round++) {
  for (const which of ["ours", "bare"] as const) found[which].push(await measure(which))
}
const [ours, bare] = [medians(found.ours), medians(found.bare)]
const rounded = (of: Measured) => ({
  "connect/s": Math.round(of.connects),
  "kB/socket": Number(of.memory.toFixed(1)),
  "heap kB/socket": Number(of.heap.toFixed(1)),
  "fan-out/s": Math.round(of.fanOut),
  "fan-out µs": Number(of.fanOutCpu.toFixed(1)),
  "each/s": Math.round(of.each),
  "each µs": Number(of.eachCpu.toFixed(1))
})
console.table({ ours: rounded(ours), "bare ws": rounded(bare) })
const ratios = {
  fanOut: Number((ours.fanOut / bare.fanOut).toFixed(2)),
  fanOutCpu: Number((bare.fanOutCpu / ours.fanOutCpu).toFixed(2)),
  each: Number((ours.each / bare.each).toFixed(2))
}
console.log(
  `ratio to bare ws: fan-out ${ratios.fanOut} (by processor time ${ratios.fanOutCpu}; aim 0.8), each ${ratios.each}`
)
console.log(JSON.stringify({ bench: "gateway", sockets, rounds, ours, bare, ratios }))
