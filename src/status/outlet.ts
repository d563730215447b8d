import { Effect } from "effect"
import type { WebSocket } from "ws"

const text = { binary: false }

/**
 * The way out to one client. What it has not read yet waits in the socket's own buffer, and nowhere else; above `limit` bytes the
 * outlet is full, and whoever wants to send more must wait or drop.
 */
export class Outlet {
  private readonly socket: WebSocket
  private readonly limit: number
  private waiting: Array<() => void> = []

  constructor(socket: WebSocket, limit: number) {
    this.socket = socket
    this.limit = limit
  }

  get isFull(): boolean {
    return this.socket.bufferedAmount > this.limit
  }

  send(frame: Buffer | string): void {
    if (this.socket.readyState === this.socket.OPEN) this.socket.send(frame, text, this.flushed)
  }

  /** Waits until the client has read half of what may wait, or the socket is closed. */
  readonly drained: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.isDrained) return resume(Effect.void)
    const waiter = () => resume(Effect.void)
    this.waiting.push(waiter)
    return Effect.sync(() => {
      this.waiting = this.waiting.filter((other) => other !== waiter)
    })
  })

  private get isDrained(): boolean {
    return this.socket.readyState !== this.socket.OPEN || this.socket.bufferedAmount <= this.limit / 2
  }

  private readonly flushed = () => {
    if (this.waiting.length === 0 || !this.isDrained) return
    const waiting = this.waiting
    this.waiting = []
    for (const waiter of waiting) waiter()
  }
}
