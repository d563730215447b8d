import { Latch } from "effect"
import type { Position } from "./cursor.ts"
import { channelPartition } from "./feed.ts"
import type { Feed, Follower, LiveStatus } from "./feed.ts"
import type { Outlet } from "./outlet.ts"

/**
 * - `holding`: older statuses are being read; new ones are held back, up to a bound.
 * - `live`: new ones go straight to the socket.
 * - `behind`: some were dropped; a gap is due.
 * - `over`: unsubscribed, or the socket is closed.
 */
export type Mode = "holding" | "live" | "behind" | "over"

type Joined = ReturnType<Feed["Service"]["join"]>

export interface SubscriptionOptions {
  readonly channel: string
  readonly feed: Feed["Service"]
  readonly outlet: Outlet
  /** Statuses held back at most. */
  readonly held: number
}

let ids = 0

/** One socket's following of one channel: what happens to each new status, decided on the spot. `follow` does what takes time. */
export class Subscription implements Follower {
  /** For maps that would compare an object by all that hangs on it. */
  readonly id = ++ids
  readonly channel: string
  readonly outlet: Outlet
  /** Open while a gap is due. */
  readonly fellBehind = Latch.makeUnsafe()
  mode: Mode = "behind"
  /** Statuses below are not this subscription's: its cursor came from a process that had read further. */
  from = 0
  /** When its token was given, in milliseconds since the epoch. */
  grantedAt = 0
  private held: Array<LiveStatus> = []
  private readonly feed: Feed["Service"]
  private readonly limit: number

  constructor({ channel, feed, held, outlet }: SubscriptionOptions) {
    this.channel = channel
    this.feed = feed
    this.outlet = outlet
    this.limit = held
  }

  /** Takes part from now on. Answers where: what is below has to be read back, if it is wanted. */
  join(mode: "holding" | "live"): Joined {
    // Its follower has not heard yet that it is over.
    if (this.mode === "over") return this.position
    this.mode = mode
    this.held = []
    this.from = 0
    this.fellBehind.closeUnsafe()
    return this.feed.join(this.channel, this)
  }

  deliver(status: LiveStatus): void {
    if (status.offset < this.from) return
    if (this.mode === "live" && !this.outlet.isFull) this.outlet.write(status.frame)
    else if (this.mode === "holding" && this.held.length < this.limit) this.held.push(status)
    else this.fallBehind()
  }

  lost(): void {
    this.fallBehind()
  }

  /** Where a live subscription stands. */
  get position(): Position {
    const partition = channelPartition(this.channel)
    return { partition, offset: Math.max(this.from, this.feed.position(partition)) }
  }

  /** Whether `join` still holds: nothing has been dropped since. */
  get isWhole(): boolean {
    return this.mode === "holding" || this.mode === "live"
  }

  get holding(): ReadonlyArray<LiveStatus> {
    return this.held
  }

  /** The oldest status held back; with none left, new ones go straight to the socket. */
  release(): LiveStatus | undefined {
    if (this.mode !== "holding") return undefined
    const status = this.held.shift()
    if (status === undefined) this.mode = "live"
    return status
  }

  fallBehind(): void {
    if (!this.isWhole) return
    this.leave("behind")
    this.fellBehind.openUnsafe()
  }

  end(): void {
    this.leave("over")
  }

  private leave(mode: Mode): void {
    this.feed.leave(this.channel, this)
    this.mode = mode
    this.held = []
  }
}
