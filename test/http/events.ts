import { Effect } from "effect"
import { dial, head } from "./wire.ts"

export interface Event {
  readonly event: string
  readonly data: unknown
}

/** A stream of server-sent events, as its bytes come: every event is one chunk of the body. */
export const listening = Effect.fnUntraced(function* (port: number, path: string) {
  const socket = yield* dial(port)
  let [text, isClosed] = ["", false]
  let waiting: Array<() => void> = []
  const tell = () => {
    const told = waiting
    waiting = []
    for (const resume of told) resume()
  }
  socket.setEncoding("utf8")
  socket.on("data", (chunk: string) => {
    text += chunk
    tell()
  })
  socket.once("close", () => {
    isClosed = true
    tell()
  })
  socket.write(head(port, "GET", path))
  const until = (isThere: () => boolean): Effect.Effect<void> =>
    Effect.callback((resume) => {
      const look = () => {
        if (isThere()) resume(Effect.void)
        else waiting.push(look)
      }
      look()
    })
  const events = (): ReadonlyArray<Event> =>
    Array.from(text.matchAll(/^event: (.*)\ndata: (.*)\n\n/gm), ([, event = "", data = ""]) => ({
      event,
      data: JSON.parse(data) as unknown
    }))
  return {
    socket,
    text: () => text,
    events,
    /** Waits for the text, or for so many events. */
    until: (what: string | number) =>
      until(() => (typeof what === "string" ? text.includes(what) : events().length >= what)),
    closed: until(() => isClosed)
  }
})
