// The page's channel over the WebSocket `/channels`: connects, reconnects, and misses nothing (sixfold/client does). A reload goes on with
// the channel there was, from the newest status of each thing.

import { ClientError, connect } from "./client/index.js"
import { isText, makeKept } from "./kept.js"
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

/** The channel and its token, which reads this one channel for a day and is renewed as long as somebody follows. */
const kept = makeKept("channel", (value) => isText(value?.id) && isText(value?.token))

const use = ({ id, token }) => {
  kept.write({ id, token })
  if (channel.get() !== id) channel.set(id)
}

/** Keeps the newest token of the channel that is followed. */
const renew = ({ wanted }, data) => {
  if (!isText(data) || !data.startsWith('{"type":"subscribed"')) return
  const { channel: id, token } = JSON.parse(data)
  if (id === wanted) use({ id, token })
}

/** The browser's WebSocket, watched: the client hides that a connection was lost, and the tokens of what it follows. */
const watched = (owner) =>
  class extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols)
      owner.socket = this
      const isCurrent = () => running === owner && owner.socket === this
      this.addEventListener("message", ({ data }) => {
        if (!isCurrent()) return
        if (connection.get() !== "live") connection.set("live")
        renew(owner, data)
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

const tellAll = async (updates) => {
  for await (const update of updates) if (update.type === "status") tell(update.event)
}

/** Whether the channel there was can be followed; then until the client ends. */
const goOn = async (owner, client) => {
  const before = kept.read()
  if (before === undefined) return false
  owner.wanted = before.id
  try {
    await tellAll(client.follow(before))
    return true
  } catch (error) {
    // Its token is too old, or the server has other keys.
    if (!(error instanceof ClientError)) throw error
    return false
  }
}

/** Begins anew, with the token as it is now. Where the channel can be followed no longer, a new one is. */
export const startLive = async () => {
  stopLive()
  const owner = { ending: new AbortController(), socket: undefined, wanted: undefined }
  running = owner
  const { signal } = owner.ending
  const token = currentToken()
  const options = { signal, WebSocket: watched(owner), ...(token === undefined ? {} : { token }) }
  while (!signal.aborted) {
    let client
    try {
      client = await connect(location.origin, options)
      if (await goOn(owner, client)) continue
      owner.wanted = client.channel.id
      use(client.channel)
      await tellAll(client.statuses())
    } catch {
      client?.close()
      await pause(1_000)
    }
  }
}
