import { Effect } from "effect"
import type { Duplex } from "node:stream"
import type { RawData, WebSocket } from "ws"
import { serviceRestart } from "../client/protocol.ts"
import type { ClientFrame, ErrorFrame, RetryHint } from "../client/protocol.ts"
import { decodeFrame, encodeFrame } from "./frames.ts"
import type { GatewayLimits } from "./limits.ts"
import { Outlet } from "./outlet.ts"
import type { Subscription } from "./subscription.ts"

/** Frames refused in a row, after which the client is taken for broken. */
const lastRefusal = 1_000
const policyViolation = 1008

export interface ConnectionOptions {
  readonly socket: WebSocket
  /** What it runs on. */
  readonly connection: Duplex
  readonly limits: GatewayLimits
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly received: (frame: ClientFrame) => void
}

const text = (data: RawData): string => (data as Buffer).toString("utf8") // `nodebuffer` is the socket's binary type

/** One socket: what comes in, bounded; what it follows; whether it still answers. */
export class Connection {
  readonly outlet: Outlet
  readonly subscriptions = new Map<string, Subscription>()
  private readonly socket: WebSocket
  private readonly limits: GatewayLimits
  private readonly now: () => number
  private readonly received: (frame: ClientFrame) => void
  private allowed: number
  private allowedAt: number
  private refused = 0
  private isAlive = true

  constructor({ connection, limits, now, received, socket }: ConnectionOptions) {
    this.socket = socket
    this.limits = limits
    this.now = now
    this.received = received
    this.outlet = new Outlet(socket, connection, limits.buffer)
    this.allowed = limits.framesPerSecond * 2
    this.allowedAt = now()
    socket.on("message", (data, isBinary) => this.message(data, isBinary))
    socket.on("ping", (data) => this.ping(data))
    socket.on("pong", () => {
      this.isAlive = true
    })
    // Always followed by `close`; without a listener it would end the process.
    socket.on("error", () => undefined)
  }

  error(error: string, message: string, channel?: string): void {
    const frame: ErrorFrame = { type: "error", error, message, ...(channel === undefined ? {} : { channel }) }
    // A client that does not read must not make us keep what we would tell it.
    if (!this.outlet.isFull) this.outlet.send(encodeFrame(frame))
  }

  /** Asks for a sign of life; closes a socket that gave none since the last time. */
  heartbeat(): void {
    if (!this.isAlive) return this.socket.terminate()
    this.isAlive = false
    this.socket.ping()
  }

  restart(hint: RetryHint): void {
    this.socket.close(serviceRestart, JSON.stringify(hint))
  }

  readonly closed: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.socket.readyState === this.socket.CLOSED) return resume(Effect.void)
    this.socket.once("close", () => resume(Effect.void))
  })

  private message(data: RawData, isBinary: boolean): void {
    this.isAlive = true
    if (!this.allow()) return this.refuse()
    this.refused = 0
    if (isBinary) return this.error("BadFrame", "frames are JSON text")
    if ((data as Buffer).length > this.limits.frame) {
      return this.error("FrameTooLarge", `a frame has at most ${this.limits.frame} bytes`)
    }
    const frame = decodeFrame(text(data))
    if (frame === undefined) return this.error("BadFrame", "not a frame of sixfold.v1")
    this.received(frame)
  }

  /** Answered by hand: a flood of pings must not fill our buffer. */
  private ping(data: Buffer): void {
    this.isAlive = true
    if (!this.allow()) return this.refuse()
    if (!this.outlet.isFull) this.socket.pong(data)
  }

  private allow(): boolean {
    const { framesPerSecond } = this.limits
    const now = this.now()
    const earned = (Math.max(0, now - this.allowedAt) * framesPerSecond) / 1000
    this.allowed = Math.min(framesPerSecond * 2, this.allowed + earned)
    this.allowedAt = now
    if (this.allowed < 1) return false
    this.allowed--
    return true
  }

  /** Says so once per run of refusals: answers to a flood would be a flood. */
  private refuse(): void {
    this.refused++
    if (this.refused === 1) this.error("RateLimited", `at most ${this.limits.framesPerSecond} frames in a second`)
    if (this.refused === lastRefusal) this.socket.close(policyViolation, "too many frames")
  }
}
