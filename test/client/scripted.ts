import { Effect, Queue } from "effect"
import { createServer } from "node:http"
import type { RequestListener, Server } from "node:http"
import type { AddressInfo } from "node:net"
import { WebSocketServer } from "ws"
import type { WebSocket } from "ws"
import { connect } from "../../src/client/index.ts"
import type { Client, ConnectOptions, Update } from "../../src/client/index.ts"
import type { ClientFrame } from "../../src/client/protocol.ts"

/** One socket of a server that only does what the test says. */
export interface Peer {
  readonly socket: WebSocket
  readonly protocols: string
  send(frame: unknown): void
  /** The next frame that the client sent. */
  readonly next: Effect.Effect<ClientFrame>
  readonly closed: Effect.Effect<number>
}

const peer = (socket: WebSocket, protocols: string): Peer => {
  const frames = Effect.runSync(Queue.unbounded<ClientFrame>())
  const closes = Effect.runSync(Queue.unbounded<number>())
  socket.on("message", (data: Buffer) => Queue.offerUnsafe(frames, JSON.parse(data.toString("utf8")) as ClientFrame))
  socket.on("close", (code) => Queue.offerUnsafe(closes, code))
  return {
    socket,
    protocols,
    send: (frame) =>
      socket.send(typeof frame === "string" || frame instanceof Uint8Array ? frame : JSON.stringify(frame)),
    next: Queue.take(frames),
    closed: Queue.take(closes)
  }
}

/** A server without a will of its own; `accept` is the next WebSocket that somebody opens. Requests are answered by `answer`. */
export const scriptedServer = Effect.fnUntraced(function* (answer: RequestListener) {
  const peers = yield* Queue.unbounded<Peer>()
  const server = yield* Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const server = createServer(answer).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  )
  const sockets = new WebSocketServer({ server, handleProtocols: () => "sixfold.v1" })
  sockets.on("connection", (socket, request) =>
    Queue.offerUnsafe(peers, peer(socket, request.headers["sec-websocket-protocol"] ?? ""))
  )
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const socket of sockets.clients) socket.terminate()
    })
  )
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, accept: Queue.take(peers) }
})

export const scripted = scriptedServer((_, response) => void response.writeHead(404).end())

/** Waits between tries that no test has to wait for. */
export const atOnce = { first: 2, longest: 10 }

export const client = (url: string, options: ConnectOptions = {}): Effect.Effect<Client> =>
  Effect.promise(() => connect(url, { backoff: atOnce, ...options }))

/** The next updates of an iteration, as short as they can be told: the status's `n`, or "gap". */
export const take = (updates: AsyncIterator<Update, undefined>, count: number): Effect.Effect<Array<unknown>> =>
  Effect.promise(async () => {
    const taken: Array<unknown> = []
    while (taken.length < count) {
      const { value } = await updates.next()
      if (value === undefined) return [...taken, "end"]
      taken.push(value.type === "gap" ? "gap" : value.event["n"])
    }
    return taken
  })

/** How a promise fails. */
export const rejection = (begin: () => Promise<unknown>): Effect.Effect<Error> =>
  Effect.promise(() =>
    begin().then(
      () => new Error("it did not fail"),
      (error: unknown) => error as Error
    )
  )

/** How an iteration fails. */
export const failure = (updates: AsyncIterator<Update, undefined>): Effect.Effect<Error> =>
  rejection(() => updates.next())
