/**
 * The client of `/channels`, for browsers, Node and Deno: `sixfold/client`. Depends on nothing.
 */
import { defaultBackoff } from "./backoff.ts"
import type { Backoff } from "./backoff.ts"
import { Connection } from "./connection.ts"
import type { WebSocketConstructor } from "./connection.ts"
import { ClientError, isRefusal } from "./error.ts"
import type { ChannelFrame, ErrorFrame, ServerFrame } from "./protocol.ts"
import { Subscription } from "./subscription.ts"
import type { ChannelToken, Update } from "./subscription.ts"

export type { Backoff } from "./backoff.ts"
export type { WebSocketConstructor, WebSocketLike } from "./connection.ts"
export { ClientError } from "./error.ts"
export type { ClientErrorReason } from "./error.ts"
export type { StatusEvent } from "./protocol.ts"
export type { ChannelToken, Gap, Status, Update } from "./subscription.ts"

/** How `connect` connects. All of it has defaults; times are in milliseconds. */
export interface ConnectOptions {
  /** The bearer token of the server's HTTP interface. */
  readonly token?: string
  /** Default: the global one. */
  readonly WebSocket?: WebSocketConstructor
  /** Aborted: closes the client; what waits for something fails with the signal's reason. */
  readonly signal?: AbortSignal
  /** Milliseconds without a connection after which the client gives up: `Unreachable`. Default: never. */
  readonly patience?: number
  /** Updates of one channel that may wait to be read; more become a gap. Default 1,000. */
  readonly buffer?: number
  /** Waits between tries to connect. Default: 0.5 s, doubled up to 15 s. */
  readonly backoff?: Backoff
  /** Milliseconds without a word from the server after which it is asked for one; a third of it later the socket is replaced. Default 45 s. */
  readonly silence?: number
}

/** A connection to `/channels` that stays, over whatever sockets it takes: what `connect` answers. */
export interface Client {
  /** This client's own channel: its id is for requests (`POST /imports?channel=`), its token, as of now, for followers elsewhere. */
  readonly channel: ChannelToken
  /**
   * What happens on the own channel, from the moment it was given. Read it with one reader at a time; who stops and comes back
   * goes on where it stopped.
   */
  statuses(): AsyncIterableIterator<Update, undefined>
  /**
   * Follows another channel from now on, until its reader stops. Throws `BadRequest` for what cannot be followed; the iteration fails
   * with a `ClientError` where the server refuses.
   */
  follow(channel: ChannelToken): AsyncIterableIterator<Update, undefined>
  /** Ends every iteration once it has read what waits. */
  close(): void
}

/** Longer than anything the server gives out. */
const longest = 1_024

const isSendable = ({ after = "", id, token }: ChannelToken): boolean =>
  [after, id, token].every((text) => typeof text === "string" && text.length <= longest)

/** Where a server's channels are, as a WebSocket URL. */
const channelsAt = (url: string | URL): string => {
  const channels = new URL("/channels", url)
  channels.protocol = channels.protocol.replace(/^http/, "ws")
  return channels.href
}

const iterate = (sub: Subscription, stop: () => void): AsyncIterableIterator<Update, undefined> => {
  let isStopped = false
  return {
    next: () => (isStopped ? Promise.resolve({ done: true, value: undefined }) : sub.next()),
    return() {
      isStopped = true
      stop()
      return Promise.resolve({ done: true, value: undefined })
    },
    [Symbol.asyncIterator]() {
      return this
    }
  }
}

class ChannelClient implements Client {
  private readonly subscriptions = new Map<string, Subscription>()
  private readonly connection: Connection
  private readonly buffer: number
  private readonly signal: AbortSignal | undefined
  private readonly opened: PromiseWithResolvers<Client>
  /** Nobody is told of it before it has a cursor: what happens then is not missed, whenever the connection breaks. */
  private own: Subscription | undefined
  private isOpen = false
  private ended: { readonly error: unknown } | undefined

  constructor(url: string | URL, options: ConnectOptions, opened: PromiseWithResolvers<Client>) {
    this.opened = opened
    this.buffer = Math.max(1, options.buffer ?? 1_000)
    this.connection = new Connection(
      {
        url: channelsAt(url),
        token: options.token,
        WebSocket: options.WebSocket ?? WebSocket,
        backoff: options.backoff ?? defaultBackoff,
        patience: options.patience ?? Infinity,
        silence: options.silence ?? 45_000
      },
      {
        connected: (frame) => this.connected(frame),
        received: (frame) => this.received(frame),
        disconnected: () => this.disconnected(),
        failed: (error) => this.end(error)
      }
    )
    this.signal = options.signal
    if (this.signal?.aborted) this.abort()
    else this.signal?.addEventListener("abort", this.abort)
  }

  get channel(): ChannelToken {
    const { id, token } = this.own!
    return { id, token }
  }

  statuses(): AsyncIterableIterator<Update, undefined> {
    const own = this.own!
    return iterate(own, () => own.unread())
  }

  follow(channel: ChannelToken): AsyncIterableIterator<Update, undefined> {
    if (!isSendable(channel)) throw new ClientError("BadRequest", "not an id, token and cursor that a server gave out")
    if (this.subscriptions.has(channel.id)) throw new ClientError("BadRequest", "this channel is followed already")
    const sub = this.add(channel)
    sub.connected()
    if (this.ended !== undefined) this.remove(sub, this.ended.error)
    return iterate(sub, () => {
      if (this.subscriptions.get(sub.id) !== sub) return
      this.connection.send({ type: "unsubscribe", channel: sub.id })
      this.remove(sub)
    })
  }

  close(): void {
    this.end()
  }

  private readonly abort = () => this.end(this.signal?.reason)

  private add(channel: ChannelToken): Subscription {
    const sub = new Subscription(channel, this.buffer, (frame) => this.connection.send(frame))
    this.subscriptions.set(sub.id, sub)
    return sub
  }

  private remove(sub: Subscription, error?: unknown): void {
    this.subscriptions.delete(sub.id)
    sub.end(error)
  }

  private connected({ channel: id, token }: ChannelFrame): void {
    // Every connection brings a channel; only the first is needed.
    if (this.own === undefined) this.own = this.add({ id, token })
    else this.connection.send({ type: "unsubscribe", channel: id })
    for (const sub of this.subscriptions.values()) sub.connected()
  }

  private disconnected(): void {
    for (const sub of this.subscriptions.values()) sub.disconnected()
    if (this.isOpen || this.own === undefined) return
    this.remove(this.own)
    this.own = undefined
  }

  private received(frame: ServerFrame): void {
    if (frame.type === "error") return this.refused(frame)
    const sub = this.subscriptions.get(frame.channel)
    if (sub === undefined || frame.type === "channel") return
    if (frame.type === "status") sub.status(frame)
    else if (frame.type === "gap") sub.gap(frame)
    else {
      sub.subscribed(frame)
      if (sub !== this.own || this.isOpen) return
      this.isOpen = true
      this.opened.resolve(this)
    }
  }

  private refused({ channel, error, message }: ErrorFrame): void {
    const sub = channel === undefined ? undefined : this.subscriptions.get(channel)
    // Stopped meanwhile.
    if (sub === undefined && channel !== undefined) return
    if (sub !== undefined && isRefusal(error) && (this.isOpen || sub !== this.own)) {
      this.remove(sub, new ClientError(error, message))
    } else {
      // Something we asked for will not come: ask again, later.
      this.connection.drop()
    }
  }

  private end(error?: unknown): void {
    if (this.ended !== undefined) return
    this.ended = { error }
    this.signal?.removeEventListener("abort", this.abort)
    this.connection.close()
    for (const sub of this.subscriptions.values()) this.remove(sub, error)
    this.opened.reject(error ?? new ClientError("Closed", "the client has been closed"))
  }
}

/**
 * Connects to a server's `/channels`, with a fresh channel, and stays connected: a lost connection is replaced, and every channel goes
 * on after the last status that came.
 *
 * @param url where the server listens: `http://127.0.0.1:8080`; also https, ws and wss
 * @returns the client, once it has its channel. Fails with `Unreachable` after `patience`, and with the signal's reason. A server
 * that wants a token cannot be told from one that is away: browsers do not say
 */
export const connect = async (url: string | URL, options: ConnectOptions = {}): Promise<Client> => {
  const opened = Promise.withResolvers<Client>()
  void new ChannelClient(url, options, opened)
  return opened.promise
}
