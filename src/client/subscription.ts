import type { ClientFrame, GapFrame, StatusEvent, StatusFrame, SubscribedFrame, SubscribeFrame } from "./protocol.ts"

/** What happened, each exactly once and in order. `cursor` resumes after it, on any client and any process of the topology. */
export interface Status {
  readonly type: "status"
  readonly event: StatusEvent
  readonly cursor: string
}

/** Some were left out: they are too old, or were read too slowly. The newest of each (kind, id) follows, then what is new. */
export interface Gap {
  readonly type: "gap"
}

/** What an iteration over a channel yields. */
export type Update = Status | Gap

/** A channel, what allows to follow it, and where to begin; without `after`: the newest of each (kind, id). */
export interface ChannelToken {
  readonly id: string
  readonly token: string
  readonly after?: string
}

/**
 * - `idle`: nothing is asked for: no connection, or the reader is behind.
 * - `asked`: what comes before the answer belongs to an earlier subscription, and is left out.
 * - `live`: statuses count.
 */
type Mode = "idle" | "asked" | "live"

type Result = IteratorResult<Update, undefined>
interface Reader {
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

const over: Result = { done: true, value: undefined }

/**
 * One channel: where it stands, and what waits for its reader, at most `limit` updates. Beyond, what waits is dropped for one gap, and
 * nothing more is asked for until that has been read: then the newest.
 */
export class Subscription {
  readonly id: string
  token: string
  private after: string | undefined
  private mode: Mode = "idle"
  private isBehind = false
  private waiting: Array<Update> = []
  private readonly readers: Array<Reader> = []
  private ended: { readonly error: unknown } | undefined
  private readonly limit: number
  private readonly send: (frame: ClientFrame) => void

  constructor({ after, id, token }: ChannelToken, limit: number, send: (frame: ClientFrame) => void) {
    this.id = id
    this.token = token
    this.after = after
    this.limit = limit
    this.send = send
  }

  /** A connection is there. */
  connected(): void {
    if (!this.isBehind) this.ask()
  }

  disconnected(): void {
    this.mode = "idle"
  }

  subscribed({ cursor, token }: SubscribedFrame): void {
    this.token = token
    if (this.mode === "idle") return
    this.mode = "live"
    this.after = cursor
  }

  status({ cursor, event }: StatusFrame): void {
    if (this.mode !== "live") return
    this.after = cursor
    this.push({ type: "status", event, cursor })
  }

  gap({ type }: GapFrame): void {
    if (this.mode === "live") this.push({ type })
  }

  /** What waits can still be read; then the iteration ends, or fails with the error. */
  end(error?: unknown): void {
    if (this.ended !== undefined) return
    this.ended = { error }
    this.mode = "idle"
    for (const reader of this.readers.splice(0)) this.conclude(reader)
  }

  /** Nobody reads for now: what comes waits. */
  unread(): void {
    for (const { resolve } of this.readers.splice(0)) resolve(over)
  }

  next(): Promise<Result> {
    const value = this.waiting.shift()
    if (value === undefined) {
      return new Promise((resolve, reject) => {
        const reader = { resolve, reject }
        if (this.ended === undefined) this.readers.push(reader)
        else this.conclude(reader)
      })
    }
    if (this.isBehind && this.ended === undefined) {
      this.isBehind = false
      this.after = undefined
      this.ask()
    }
    return Promise.resolve({ done: false, value })
  }

  private push(update: Update): void {
    const reader = this.readers.shift()
    if (reader !== undefined) return reader.resolve({ done: false, value: update })
    if (this.waiting.length < this.limit) return void this.waiting.push(update)
    this.waiting = [{ type: "gap" }]
    this.isBehind = true
    this.mode = "idle"
    this.send({ type: "unsubscribe", channel: this.id })
  }

  private ask(): void {
    const frame: SubscribeFrame = { type: "subscribe", channel: this.id, token: this.token }
    this.mode = "asked"
    this.send(this.after === undefined ? frame : { ...frame, after: this.after })
  }

  private conclude({ reject, resolve }: Reader): void {
    const error = this.ended?.error
    if (error === undefined) return resolve(over)
    reject(error)
  }
}
