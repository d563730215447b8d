import { once } from "node:events"
import { connect, createServer } from "node:net"
import type { AddressInfo, Socket } from "node:net"

/** What lies between a browser and the program, and fails as lines do. */
export interface Line {
  readonly url: string
  /** Where new connections lead from now on. */
  to(program: { readonly url: string }): void
  /** What is connected now stays connected, and carries nothing more: nobody is told. */
  freeze(): void
  /** From now on no answer comes through: a connection ends where one would have, or stays open without it. */
  loseAnswers(isKept: boolean): void
  close(): void
}

export const openLine = async (program: { readonly url: string }): Promise<Line> => {
  let target = new URL(program.url)
  const open = new Set<Socket>()
  let loses: { readonly isKept: boolean } | undefined
  const server = createServer((socket) => {
    const behind = connect(Number(target.port), target.hostname)
    for (const [from, to] of [
      [socket, behind],
      [behind, socket]
    ] as const) {
      open.add(from)
      from.on("data", (bytes) => {
        if (from !== behind || loses === undefined) to.write(bytes)
        else if (!loses.isKept) socket.destroy()
      })
      from.on("error", () => to.destroy())
      from.on("close", () => {
        open.delete(from)
        to.destroy()
      })
    }
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    to: ({ url }) => void (target = new URL(url)),
    freeze: () => open.forEach((socket) => socket.pause()),
    loseAnswers: (isKept) => void (loses = { isKept }),
    close: () => {
      server.close()
      for (const socket of open) socket.destroy()
    }
  }
}
