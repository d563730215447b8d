import { Effect } from "effect"
import type { Duplex } from "node:stream"
import type { WebSocket } from "ws"
import { wireFrame } from "./wire.ts"

const nothing = Buffer.alloc(0)

/**
 * The way out to one client. What it has not read yet waits in the connection's own buffer, and nowhere else; above `limit` bytes the
 * outlet is full, and whoever wants to send more must wait or drop.
 */
export class Outlet {
  private readonly socket: WebSocket
  private readonly connection: Duplex
  private readonly limit: number

  constructor(socket: WebSocket, connection: Duplex, limit: number) {
    this.socket = socket
    this.connection = connection
    this.limit = limit
  }

  get isFull(): boolean {
    return this.connection.writableLength > this.limit
  }

  send(text: string): void {
    this.write(wireFrame(text))
  }

  /** A frame that is ready for the wire, as many may get it. The socket keeps none back, so that ours come in between its own. */
  write(frame: Buffer): void {
    if (this.socket.readyState === this.socket.OPEN) this.connection.write(frame)
  }

  /** Waits until the client has read what waits, or the socket is closed. */
  readonly drained: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.socket.readyState !== this.socket.OPEN || this.connection.writableLength <= this.limit / 2) {
      return resume(Effect.void)
    }
    // Nothing, written behind all else, has been read when all else has.
    this.connection.write(nothing, () => resume(Effect.void))
  })
}
