// The page's own channel over the WebSocket `/channels`: connects, reconnects, and misses nothing (sixfold/client does).

import { connect } from "./client/index.js"
import { makeSignal } from "./life.js"
import { currentToken } from "./session.js"

/** `connecting`, `live` or `lost`. */
export const connection = makeSignal("connecting")

/** The id of the channel: for requests that are to be told of. Undefined before the first connection. */
export const channel = makeSignal(undefined)

const listeners = new Set()

/** Calls back with every status event of a kind: import, order, renewal. */
export const onStatus = (kind, listener) => {
  const entry = { kind, listener }
  listeners.add(entry)
  return () => listeners.delete(entry)
}

const tell = (event) => {
  for (const { kind, listener } of listeners) if (kind === event.kind) listener(event)
}

/** Where a request says that it wants to be told of. */
export const channelQuery = () => (channel.get() === undefined ? "" : `?channel=${encodeURIComponent(channel.get())}`)

/** What runs now: the socket, and what ends it all. */
let running

/** The browser's WebSocket, watched: the client hides that a connection was lost. */
const watched = (owner) =>
  class extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols)
      owner.socket = this
      const isCurrent = () => running === owner && owner.socket === this
      this.addEventListener("message", () => {
        if (isCurrent() && connection.get() !== "live") connection.set("live")
      })
      this.addEventListener("close", () => {
        if (isCurrent()) connection.set("lost")
      })
    }
  }

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

export const stopLive = () => {
  running?.ending.abort()
  running = undefined
}

/** Begins anew, with the token as it is now. Where the channel can be followed no longer (its token is too old), a new one is. */
export const startLive = async () => {
  stopLive()
  const owner = { ending: new AbortController(), socket: undefined }
  running = owner
  const { signal } = owner.ending
  const token = currentToken()
  const options = { signal, WebSocket: watched(owner), ...(token === undefined ? {} : { token }) }
  while (!signal.aborted) {
    let client
    try {
      client = await connect(location.origin, options)
      channel.set(client.channel.id)
      for await (const update of client.statuses()) if (update.type === "status") tell(update.event)
    } catch {
      client?.close()
      await pause(1_000)
    }
  }
}
