// One of the two servers of the gateway's benchmark, as a process of its own: `ours` or `bare`. Told by messages of its parent.
import { Effect, Queue } from "effect"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { WebSocketServer } from "ws"
import type { WebSocket } from "ws"
import { makeWorld } from "../../test/status/world.ts"

export type ToServer =
  | { readonly do: "publish"; readonly statuses: number; readonly channels: ReadonlyArray<string> }
  | { readonly do: "weigh" }
export type FromServer = {
  readonly port?: number
  /** Bytes; seconds of processor time. */
  readonly rss?: number
  readonly heap?: number
  readonly cpu?: number
}

const event = (n: number) => ({ kind: "import", importId: "bench", state: "running", rows: { imported: n } })
/** Statuses that one settle reports, and what the bare server sends in one go. */
const together = 20

const tell = (message: FromServer) => process.send!(message)
const weigh = () => {
  for (let n = 0; n < 3; n++) globalThis.gc!()
  const { external, heapUsed, rss } = process.memoryUsage()
  const { system, user } = process.cpuUsage()
  tell({ rss, heap: heapUsed + external, cpu: (system + user) / 1e6 })
}

/** Statuses in portions: each of the next channel, in turn. */
const portions = function* (statuses: number, channels: ReadonlyArray<string>) {
  for (let from = 0; from < statuses; from += together) {
    yield Array.from({ length: Math.min(together, statuses - from) }, (_, n) => ({
      channel: channels[(from + n) % channels.length]!,
      id: "bench",
      event: event(from + n)
    }))
  }
}

/** What a team would write by hand: a set of sockets for each channel, and the same frame for all of them. */
const bare = async () => {
  const http = createServer()
  const server = new WebSocketServer({ server: http, perMessageDeflate: false })
  const channels = new Map<string, Set<WebSocket>>()
  let names = 0
  server.on("connection", (socket) => {
    const own = `channel-${names++}`
    const follow = (channel: string) => {
      const all = channels.get(channel) ?? new Set()
      channels.set(channel, all.add(socket))
    }
    follow(own)
    socket.send(JSON.stringify({ type: "channel", channel: own, token: "x".repeat(100), expires: "" }))
    socket.on("message", (data: Buffer) => {
      const { channel } = JSON.parse(data.toString()) as { channel: string }
      follow(channel)
      socket.send(JSON.stringify({ type: "subscribed", channel, cursor: "0:0", token: "x".repeat(100) }))
    })
    socket.on("error", () => undefined)
  })
  http.listen(0, "127.0.0.1", 4_096)
  await once(http, "listening")
  process.on("message", (message: ToServer) => {
    if (message.do === "weigh") return weigh()
    const all = portions(message.statuses, message.channels)
    const next = () => {
      const portion = all.next()
      if (portion.done) return
      for (const { channel, event } of portion.value) {
        const frame = JSON.stringify({ type: "status", channel, cursor: "0:0:0123456789abcdef", event })
        const bytes = Buffer.from(frame)
        for (const socket of channels.get(channel) ?? []) socket.send(bytes, { binary: false })
      }
      setImmediate(next)
    }
    next()
  })
  tell({ port: (http.address() as AddressInfo).port })
}

const ours = Effect.scoped(
  Effect.gen(function* () {
    const { report, start } = yield* makeWorld
    const limits = { sockets: 20_000 }
    const { port } = yield* start({ limits, server: { limits: { requestsPerClient: 100_000 } } })
    const told = yield* Queue.unbounded<ToServer>()
    process.on("message", (message: ToServer) => {
      if (message.do === "weigh") weigh()
      else Queue.offerUnsafe(told, message)
    })
    tell({ port })
    return yield* Effect.forever(
      Effect.flatMap(Queue.take(told), (message) =>
        message.do === "weigh"
          ? Effect.void
          : Effect.forEach(portions(message.statuses, message.channels), (portion) => report(...portion), {
              discard: true
            })
      )
    )
  })
)

process.on("disconnect", () => process.exit(0))
if (process.argv[2] === "bare") await bare()
else await Effect.runPromise(ours)
