import { connect, createServer } from "node:net"
import type { Server, Socket } from "node:net"

/** What happens to what a broker answers. */
export type Mode = "pass" | "mute" | "cut"

/** Stands between clients and one broker. */
export interface Proxy {
  /**
   * - `pass`: nothing happens.
   * - `mute`: requests arrive, answers do not.
   * - `cut`: of the next answer on each connection half arrives, then the connection breaks.
   */
  set(mode: Mode): void
  close(): void
}

export const open = (options: { readonly listens: number; readonly announced: number }): Promise<Proxy> => {
  let mode: Mode = "pass"
  const sockets = new Set<Socket>()
  const relay = (client: Socket) => {
    const broker = connect(options.listens, "127.0.0.1")
    for (const socket of [client, broker]) {
      sockets.add(socket)
      socket.on("error", () => {})
      socket.on("close", () => {
        sockets.delete(socket)
        client.destroy()
        broker.destroy()
      })
    }
    client.on("data", (bytes) => void broker.write(bytes))
    broker.on("data", (bytes) => {
      if (mode === "pass") client.write(bytes)
      if (mode === "cut") client.write(bytes.subarray(0, Math.ceil(bytes.length / 2)), () => client.destroy())
    })
  }
  const server: Server = createServer(relay)
  return new Promise((resolve) => {
    server.listen(options.announced, "127.0.0.1", () =>
      resolve({
        set: (next) => {
          mode = next
        },
        close: () => {
          server.close()
          for (const socket of sockets) socket.destroy()
        }
      })
    )
  })
}
