/** Bounds of the WebSocket gateway. Bytes, milliseconds and counts. */
export interface GatewayLimits {
  /** Sockets of this process; one more is refused with 503. Default 12,000. */
  readonly sockets: number
  /** A client's frame; up to twice as much is refused with an error frame, more closes the socket (1009). Default 64 KiB. */
  readonly frame: number
  /** Frames and pings of one socket in a second, with twice as many in a burst. Default 50. */
  readonly framesPerSecond: number
  /** Channels followed on one socket. Default 32. */
  readonly subscriptions: number
  /** What may wait for a reader to read before it counts as too slow. Default 256 KiB. */
  readonly buffer: number
  /** Statuses of one channel held back while older ones are read. Default 1,000. */
  readonly held: number
  /** Between pings; a socket that has not answered by the next one is closed. Default 30 s. */
  readonly ping: number
}

export const defaultGatewayLimits: GatewayLimits = {
  sockets: 12_000,
  frame: 64 * 1024,
  framesPerSecond: 50,
  subscriptions: 32,
  buffer: 256 * 1024,
  held: 1_000,
  ping: 30_000
}
