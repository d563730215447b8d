/**
 * The WebSocket protocol of `/channels`: JSON text frames. No imports: a browser loads this file as it is, its types stripped.
 */

/** The sub-protocol. A token is handed over as a second one: `sixfold.bearer.<base64url of the token>`. */
export const subProtocol = "sixfold.v1"
export const bearerProtocol = "sixfold.bearer."

/** The close code of a server that restarts (RFC 6455's registry). Its reason is a `RetryHint` in JSON. */
export const serviceRestart = 1012

/** When to connect again, in milliseconds from now; another for every client. */
export interface RetryHint {
  readonly retry: number
}

/** What happened: a kind, and whatever fields go with it. */
export interface StatusEvent {
  readonly kind: string
  readonly [field: string]: unknown
}

/** On connect: a fresh channel, already subscribed. `expires` in ISO 8601. */
export interface ChannelFrame {
  readonly type: "channel"
  readonly channel: string
  readonly token: string
  readonly expires: string
}

/**
 * A subscription has begun; statuses follow. Also sent unasked, to renew the token of a connection that lasts. `cursor`
 * resumes where this frame stands.
 */
export interface SubscribedFrame {
  readonly type: "subscribed"
  readonly channel: string
  readonly cursor: string
  readonly token: string
}

/** Each exactly once per subscription, in order. `cursor` resumes after it. */
export interface StatusFrame {
  readonly type: "status"
  readonly channel: string
  readonly cursor: string
  readonly event: StatusEvent
}

/** The cursor is too old, or the client read too slowly: the newest status of each (kind, id) follows, then what is new. */
export interface GapFrame {
  readonly type: "gap"
  readonly channel: string
}

/**
 * A frame was refused; the connection stays open. `error` is one of `BadFrame`, `FrameTooLarge`, `RateLimited`,
 * `UnknownChannel`, `BadToken`, `ExpiredToken`, `BadCursor`, `TooManySubscriptions`, `Unavailable`. `channel` where it is known.
 */
export interface ErrorFrame {
  readonly type: "error"
  readonly error: string
  readonly message: string
  readonly channel?: string
}

export type ServerFrame = ChannelFrame | SubscribedFrame | StatusFrame | GapFrame | ErrorFrame

/** Resumes after a cursor, or follows another channel. Without `after`: the newest of each (kind, id), then what is new. */
export interface SubscribeFrame {
  readonly type: "subscribe"
  readonly channel: string
  readonly token: string
  readonly after?: string
}

export interface UnsubscribeFrame {
  readonly type: "unsubscribe"
  readonly channel: string
}

export type ClientFrame = SubscribeFrame | UnsubscribeFrame
