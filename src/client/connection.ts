import { waitOf } from "./backoff.ts"
import type { Backoff } from "./backoff.ts"
import { ClientError } from "./error.ts"
import { decodeFrame, decodeHint } from "./frame.ts"
import { bearerProtocol, serviceRestart, subProtocol } from "./protocol.ts"
import type { ChannelFrame, ClientFrame, ServerFrame } from "./protocol.ts"

/** What is used of a WebSocket: that of browsers, Deno and Node, and of the package ws. */
export interface WebSocketLike {
  send(data: string): void
  close(code?: number, reason?: string): void
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void
  addEventListener(type: "close", listener: (event: { readonly code: number; readonly reason: string }) => void): void
  addEventListener(type: "error", listener: () => void): void
}

/** The global `WebSocket`, or a class like it: that of the package ws, say. */
export type WebSocketConstructor = new (url: string, protocols: Array<string>) => WebSocketLike

export interface ConnectionOptions {
  readonly url: string
  readonly token: string | undefined
  readonly WebSocket: WebSocketConstructor
  readonly backoff: Backoff
  /** Milliseconds without a connection after which it is given up. */
  readonly patience: number
  /** Milliseconds without a word from the server after which it is asked for one; it has a third of it to answer. */
  readonly silence: number
}

export interface Listener {
  /** On every connection, before anything else. */
  connected(frame: ChannelFrame): void
  received(frame: ServerFrame): void
  disconnected(): void
  /** The end of it. */
  failed(error: ClientError): void
}

/** No channel has this id: the answer is an error, but it is an answer. A browser shows a page no pings. */
const probe: ClientFrame = { type: "subscribe", channel: "still-there", token: "" }

const base64url = (text: string): string =>
  btoa(String.fromCodePoint(...new TextEncoder().encode(text)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "")

/** One socket after another, until closed. Knows no channel but the probe's. */
export class Connection {
  private socket: WebSocketLike | undefined
  private isUp = false
  private failures = 0
  private timer: ReturnType<typeof setTimeout> | undefined
  private lastChance: ReturnType<typeof setTimeout> | undefined
  private readonly options: ConnectionOptions
  private readonly listener: Listener

  /** Throws what the WebSocket throws for a URL it cannot use. */
  constructor(options: ConnectionOptions, listener: Listener) {
    this.options = options
    this.listener = listener
    // First: where it throws, nothing may be left that fires.
    this.open()
    this.expect()
  }

  /** Dropped without a connection: on the next one it is asked for again. */
  send(frame: ClientFrame): void {
    if (this.isUp) this.socket?.send(JSON.stringify(frame))
  }

  /** Ends this socket; another follows. */
  drop(): void {
    const socket = this.socket
    // Its own close event may take its time, where the line is dead: it is not waited for.
    this.lost(undefined)
    socket?.close()
  }

  close(): void {
    const socket = this.socket
    this.socket = undefined
    this.isUp = false
    clearTimeout(this.timer)
    clearTimeout(this.lastChance)
    socket?.close(1000)
  }

  private open(): void {
    const { WebSocket, token, url } = this.options
    const bearer = token === undefined ? [] : [`${bearerProtocol}${base64url(token)}`]
    const socket = new WebSocket(url, [subProtocol, ...bearer])
    this.socket = socket
    this.after(this.options.silence / 3, () => this.drop())
    socket.addEventListener("message", ({ data }) => {
      if (socket === this.socket) this.message(data)
    })
    socket.addEventListener("close", ({ code, reason }) => {
      if (socket === this.socket) this.lost(code === serviceRestart ? decodeHint(reason) : undefined)
    })
    // A close follows.
    socket.addEventListener("error", () => undefined)
  }

  private message(data: unknown): void {
    const frame = decodeFrame(data)
    if (this.isUp) this.listen()
    if (frame === undefined) return
    if (frame.type === "channel") {
      this.isUp = true
      clearTimeout(this.lastChance)
      this.lastChance = undefined
      this.listen()
      this.listener.connected(frame)
    } else if (this.isUp) {
      // Only now: a server that takes a socket and ends it at once, or refuses what it is asked for, is not well.
      if (frame.type !== "error") this.failures = 0
      if (frame.type !== "error" || frame.channel !== probe.channel) this.listener.received(frame)
    }
  }

  private lost(hint: number | undefined): void {
    const wait = waitOf(this.options.backoff, this.failures, hint, Math.random())
    this.socket = undefined
    this.failures++
    this.after(wait, () => this.open())
    if (this.lastChance === undefined) this.expect()
    if (!this.isUp) return
    this.isUp = false
    this.listener.disconnected()
  }

  /** A line that is dead without a word is noticed only by asking. */
  private listen(): void {
    const { silence } = this.options
    this.after(silence, () => {
      this.send(probe)
      this.after(silence / 3, () => this.drop())
    })
  }

  private expect(): void {
    const { patience } = this.options
    // A longer timer would fire at once.
    if (patience > 2 ** 31 - 1) return
    this.lastChance = setTimeout(() => {
      this.close()
      this.listener.failed(new ClientError("Unreachable", `no connection to ${this.options.url}`))
    }, patience)
  }

  /** One thing is waited for at a time. */
  private after(milliseconds: number, action: () => void): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(action, milliseconds)
  }
}
