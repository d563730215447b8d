import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { Effect } from "effect"
import { HttpServerRequest } from "effect/http"
import type { HttpServerResponse } from "effect/http"
import type { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { WebSocketServer } from "ws"
import type { WebSocket } from "ws"
import { bearerProtocol, subProtocol } from "../client/protocol.ts"
import { problem } from "../http/problem.ts"

const noHead = Buffer.alloc(0) // a client may not send before it has our answer

export const makeWebSocketServer = (frameLimit: number): WebSocketServer =>
  new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    // Up to this a frame is refused with a word; beyond, the socket is closed before the frame is in memory.
    maxPayload: frameLimit * 2,
    autoPong: false,
    handleProtocols: (offered) => (offered.has(subProtocol) ? subProtocol : false)
  })

/** 16 bytes in base64, and a token (RFC 6455 4.1, RFC 9110 5.6.2). */
const handshakeKey = /^[+/\dA-Za-z]{22}==$/
const token = /^[!#$%&'*+.^_`|~\w-]+$/

/** White space is what RFC 9110 5.6.3 calls so: `trim` would take more of it for none. */
const listed = (header: string | undefined): ReadonlyArray<string> =>
  header?.split(",").map((each) => each.replace(/^[\t ]+|[\t ]+$/g, "")) ?? []

/** Why the request cannot become a socket; nothing when it can. No sub-protocol at all is taken for ours. */
export const refusal = (
  request: HttpServerRequest.HttpServerRequest
): HttpServerResponse.HttpServerResponse | undefined => {
  // The router answers HEAD as GET.
  if (request.method !== "GET") return problem(405, "MethodNotAllowed", "/channels takes GET", { allow: "GET" })
  // Node hands the line over only where Connection says so too; else it would go on to read frames as HTTP.
  const isHandedOver = listed(request.headers["connection"]?.toLowerCase()).includes("upgrade")
  if (!isHandedOver || request.headers["upgrade"]?.toLowerCase() !== "websocket") {
    return problem(426, "UpgradeRequired", "this is a WebSocket", { upgrade: "websocket" })
  }
  if (request.headers["sec-websocket-version"] !== "13") {
    const versions = { upgrade: "websocket", "sec-websocket-version": "13" }
    return problem(426, "UpgradeRequired", "the WebSocket version is 13", versions)
  }
  if (!handshakeKey.test(request.headers["sec-websocket-key"] ?? "")) {
    return problem(400, "BadHandshake", "Sec-WebSocket-Key must be 16 bytes in base64")
  }
  const all = listed(request.headers["sec-websocket-protocol"])
  if (new Set(all).size < all.length || !all.every((each) => token.test(each))) {
    return problem(400, "BadHandshake", "Sec-WebSocket-Protocol must be a list of different tokens")
  }
  const protocols = all.filter((each) => !each.startsWith(bearerProtocol))
  return protocols.length > 0 && !protocols.includes(subProtocol)
    ? problem(400, "UnknownProtocol", `the sub-protocol is ${subProtocol}`)
    : undefined
}

/** A socket, and the connection it runs on. */
export interface Upgraded {
  readonly socket: WebSocket
  readonly connection: Duplex
}

/** The handshake; a refused one has been answered by the WebSocket server and yields nothing. */
const handshake = (server: WebSocketServer, source: IncomingMessage) =>
  Effect.callback<Upgraded | undefined>((resume) => {
    const { socket } = source
    const refused = () => resume(Effect.succeed(undefined))
    if (socket.destroyed) return refused()
    socket.once("close", refused)
    server.handleUpgrade(source, socket, noHead, (webSocket) => {
      socket.off("close", refused)
      resume(Effect.succeed({ socket: webSocket, connection: socket }))
    })
  })

const closed = (socket: WebSocket) =>
  Effect.callback<void>((resume) => {
    if (socket.readyState === socket.CLOSED) return resume(Effect.void)
    socket.once("close", () => resume(Effect.void))
  })

/** Nothing may be left of it when the route ends: the HTTP server would write its answer into the socket. */
const destroy = (socket: WebSocket) =>
  Effect.suspend(() => {
    socket.terminate()
    return closed(socket)
  })

/** Runs `use` with the socket, which is gone afterwards. */
export const withSocket = <R>(server: WebSocketServer, use: (upgraded: Upgraded) => Effect.Effect<void, never, R>) =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
    Effect.acquireUseRelease(
      handshake(server, NodeHttpServerRequest.toIncomingMessage(request) as IncomingMessage),
      (upgraded) => (upgraded === undefined ? Effect.void : use(upgraded)),
      (upgraded) => (upgraded === undefined ? Effect.void : destroy(upgraded.socket))
    )
  )
