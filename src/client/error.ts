/**
 * - `Unreachable`: no connection within `patience`; `Closed`: this client is closed.
 * - `UnknownChannel`, `BadToken`, `ExpiredToken`, `BadCursor`: the server does not let this channel be followed, or not from there.
 * - `TooManySubscriptions`: the server lets one socket follow fewer channels.
 * - `BadRequest`: `follow` was given what cannot be sent, or a channel that is followed already.
 */
export type ClientErrorReason =
  | "Unreachable"
  | "Closed"
  | "UnknownChannel"
  | "BadToken"
  | "ExpiredToken"
  | "BadCursor"
  | "TooManySubscriptions"
  | "BadRequest"

/** Trying again does not help: `reason` says why. */
export class ClientError extends Error {
  override readonly name = "ClientError"
  readonly reason: ClientErrorReason

  constructor(reason: ClientErrorReason, message: string) {
    super(message)
    this.reason = reason
  }
}

const refusals: ReadonlySet<string> = new Set<ClientErrorReason>([
  "UnknownChannel",
  "BadToken",
  "ExpiredToken",
  "BadCursor",
  "TooManySubscriptions"
])

/** Whether an error frame's tag says that the same subscribe would be refused again. */
export const isRefusal = (tag: string): tag is ClientErrorReason => refusals.has(tag)
