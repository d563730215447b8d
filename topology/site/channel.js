// One channel over the WebSocket `/channels` (sub-protocol sixfold.v1): connects, reconnects, and resumes after the last cursor.

const base64url = (text) =>
  btoa(String.fromCodePoint(...new TextEncoder().encode(text)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "")

const firstWait = 500
const longestWait = 15_000

/**
 * @param {() => string | undefined} bearer the access token, if one is needed
 * @param {{ status(event: object): void, connected(channel: string): void, disconnected(): void }} listener
 */
export const openChannel = (bearer, listener) => {
  /** The channel followed, with the token that allows it and the cursor of the last status seen. */
  let followed
  let wait = firstWait
  let isConnected = false

  /** The channel given on this connection: taken when the one followed cannot be resumed (its token is too old). */
  let fresh

  const received = (socket, frame) => {
    if (frame.type === "channel") {
      fresh = { channel: frame.channel, token: frame.token }
      if (followed === undefined) return follow(fresh)
      const { channel, cursor, token } = followed
      socket.send(
        JSON.stringify({ type: "subscribe", channel, token, ...(cursor === undefined ? {} : { after: cursor }) })
      )
    } else if (frame.type === "subscribed" && frame.channel === followed?.channel) {
      follow({ ...followed, token: frame.token ?? followed.token })
    } else if (frame.type === "status" && frame.channel === followed?.channel) {
      followed.cursor = frame.cursor
      listener.status(frame.event)
    } else if (frame.type === "error") {
      if (!isConnected && fresh !== undefined) follow(fresh)
    }
  }
  const follow = (channel) => {
    followed = channel
    isConnected = true
    wait = firstWait
    listener.connected(channel.channel)
  }
  const connect = () => {
    const token = bearer()
    const protocols = token === undefined ? ["sixfold.v1"] : ["sixfold.v1", `sixfold.bearer.${base64url(token)}`]
    const socket = new WebSocket(new URL("/channels", location.href.replace(/^http/, "ws")), protocols)
    socket.addEventListener("message", ({ data }) => received(socket, JSON.parse(data)))
    socket.addEventListener("close", () => {
      isConnected = false
      listener.disconnected()
      setTimeout(connect, wait / 2 + (Math.random() * wait) / 2) // jittered, so that a restart is no stampede
      wait = Math.min(wait * 2, longestWait)
    })
  }
  connect()
}
