import { connect, createServer } from "node:net"
import type { Server, Socket } from "node:net"

/** What happens to what passes between clients and a broker. */
export type Mode = "pass" | "mute" | "cut" | "sever" | "corrupt" | "hold"

/** A record with this in its value is what `corrupt` is about. */
export const poison = "corrupt me"

/** The protocol's numbers of SyncGroup and EndTxn. */
const holdable = [14, 26]

/** Stands between clients and one broker. */
export interface Proxy {
  readonly address: string
  /**
   * - `pass`: nothing happens.
   * - `mute`: requests arrive, answers do not.
   * - `cut`: of the next answer on each connection half arrives, then the connection breaks.
   * - `sever`: the same with the next request.
   * - `corrupt`: one bit of a poisoned record is turned on its way to the client.
   * - `hold`: requests to end a transaction or for an assignment are kept, and arrive when the mode changes, even if their sender has
   *   gone.
   */
  set(mode: Mode): void
  close(): void
}

const corrupted = (bytes: Buffer): Buffer => {
  const position = bytes.indexOf(poison)
  if (position >= 0) bytes[position]! ^= 1
  return bytes
}

const half = (bytes: Buffer): Buffer => bytes.subarray(0, Math.ceil(bytes.length / 2))

/** Requests are small and one at a time here: each begins its chunk. */
const isHoldable = (bytes: Buffer) => bytes.length >= 6 && holdable.includes(bytes.readInt16BE(4))

export const open = (options: { readonly listens: number; readonly announced: number }): Promise<Proxy> => {
  let mode: Mode = "pass"
  const sockets = new Set<Socket>()
  const held = new Map<Socket, Buffer>()
  const relay = (client: Socket) => {
    const broker = connect(options.listens, "127.0.0.1")
    for (const socket of [client, broker]) {
      sockets.add(socket)
      socket.on("error", () => {})
      socket.on("close", () => {
        sockets.delete(socket)
        client.destroy()
        if (!held.has(broker)) broker.destroy()
      })
    }
    client.on("data", (bytes) => {
      if (mode === "hold" && isHoldable(bytes)) held.set(broker, bytes)
      else if (mode === "sever") broker.write(half(bytes), () => client.destroy())
      else broker.write(bytes)
    })
    broker.on("data", (bytes) => {
      if (mode === "cut") client.write(half(bytes), () => client.destroy())
      else if (mode !== "mute") client.write(mode === "corrupt" ? corrupted(bytes) : bytes)
    })
  }
  const server: Server = createServer(relay)
  return new Promise((resolve) => {
    server.listen(options.announced, "127.0.0.1", () =>
      resolve({
        address: `127.0.0.1:${options.announced}`,
        set: (next) => {
          mode = next
          if (mode === "hold") return
          for (const [broker, bytes] of held) broker.write(bytes)
          held.clear()
        },
        close: () => {
          server.close()
          for (const socket of sockets) socket.destroy()
        }
      })
    )
  })
}
