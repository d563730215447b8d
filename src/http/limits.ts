import { Context } from "effect"

/** What a client may ask of the server. Bytes, milliseconds and counts. */
export interface Limits {
  /** Largest body that is read as a whole. Default 1 MiB. */
  readonly json: number
  /** Largest streamed body. Default 256 MiB. */
  readonly upload: number
  /** How long a body that is waited for may bring nothing. Default 30 s; noticed within half as long again. One of JSON has twice as long for all of it. */
  readonly bodyIdle: number
  /** Streamed bodies of one client (address) under way at once. Default 4. */
  readonly uploadsPerClient: number
  /** Requests of one client in a second, with as many again in a burst. Default 20,000: lower it where strangers can call. */
  readonly requestsPerClient: number
  /** Open connections, WebSockets included; one more is closed at once. Default 20,000. */
  readonly connections: number
}

export const defaultLimits: Limits = {
  json: 1024 * 1024,
  upload: 256 * 1024 * 1024,
  bodyIdle: 30_000,
  uploadsPerClient: 4,
  requestsPerClient: 20_000,
  connections: 20_000
}

/** The limits of the server that runs the present request. */
export const CurrentLimits = Context.Reference<Limits>("sixfold/http/CurrentLimits", {
  defaultValue: () => defaultLimits
})
