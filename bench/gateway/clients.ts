// The clients of the gateway's benchmark, in a process of their own: they connect, follow, and count what comes. Told by
// messages of its parent.
import { connect } from "node:net"
import type { Socket } from "node:net"
import { randomBytes } from "node:crypto"

export type ToClients =
  | { readonly do: "connect"; readonly port: number; readonly sockets: number }
  /** All follow the channel of the first of them. */
  | { readonly do: "follow" }
  /** Tells when so many statuses have come to all of them together. */
  | { readonly do: "count"; readonly statuses: number }
  | { readonly do: "close" }
export interface FromClients {
  readonly done: ToClients["do"]
  readonly channels?: ReadonlyArray<string>
  readonly seconds: number
}

/** Connections that are being made at a time. */
const atOnce = 200

interface Client {
  readonly socket: Socket
  channel: string
  token: string
}

/**
 * Reads what a server sends, frame by frame, without looking into statuses: the clients must cost less than the servers they measure.
 * Source of the format: RFC 6455, section 5.2; servers do not mask.
 */
const reading = (onFrame: (payload: Buffer) => void) => {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk: Buffer) => {
    const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    while (data.length - at >= 2) {
      const short = data[at + 1]! & 0x7f
      const header = short < 126 ? 2 : short === 126 ? 4 : 10
      if (data.length - at < header) break
      const length =
        short < 126 ? short : short === 126 ? data.readUInt16BE(at + 2) : Number(data.readBigUInt64BE(at + 2))
      if (data.length - at < header + length) break
      if ((data[at]! & 0x0f) === 1) onFrame(data.subarray(at + header, at + header + length))
      at += header + length
    }
    rest = at === data.length ? Buffer.alloc(0) : Buffer.from(data.subarray(at))
  }
}

const masked = (text: string): Buffer => {
  const payload = Buffer.from(text)
  const mask = randomBytes(4)
  const size = payload.length < 126 ? Buffer.from([0x80 | payload.length]) : Buffer.from([0xfe, 0, 0])
  if (payload.length >= 126) size.writeUInt16BE(payload.length, 1)
  return Buffer.concat([Buffer.from([0x81]), size, mask, payload.map((byte, n) => byte ^ mask[n % 4]!)])
}

let clients: Array<Client> = []
let [statuses, wanted, heard] = [0, Infinity, 0]
let reached = () => {}
const status = Buffer.from('{"type":"status"')

const open = (port: number) =>
  new Promise<Client>((resolve, reject) => {
    const socket = connect(port, "127.0.0.1")
    const client: Client = { socket, channel: "", token: "" }
    socket.setNoDelay(true)
    socket.on("error", reject)
    socket.write(
      `GET /channels HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sixfold.v1\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`
    )
    const frames = reading((payload) => {
      if (payload.length > status.length && payload.compare(status, 0, status.length, 0, status.length) === 0) {
        if (++statuses === wanted) reached()
        return
      }
      const frame = JSON.parse(payload.toString()) as { type: string; channel: string; token: string }
      if (frame.type === "channel") {
        client.channel = frame.channel
        client.token = frame.token
        resolve(client)
      } else if (frame.type === "subscribed") {
        if (++heard === clients.length) reached()
      } else reject(new Error(payload.toString()))
    })
    let head = ""
    const shake = (chunk: Buffer) => {
      head += chunk.toString("latin1")
      const end = head.indexOf("\r\n\r\n")
      if (end === -1) return
      if (!head.startsWith("HTTP/1.1 101")) return reject(new Error(head.slice(0, 200)))
      socket.off("data", shake)
      socket.on("data", frames)
      const left = Buffer.from(head.slice(end + 4), "latin1")
      if (left.length > 0) frames(left)
    }
    socket.on("data", shake)
  })

const until = () => new Promise<void>((resolve) => (reached = resolve))

const act = async (message: ToClients): Promise<Partial<FromClients>> => {
  switch (message.do) {
    case "connect": {
      let left = message.sockets
      const one = async () => {
        while (left-- > 0) clients.push(await open(message.port))
      }
      await Promise.all(Array.from({ length: atOnce }, one))
      return { channels: clients.map(({ channel }) => channel) }
    }
    case "follow": {
      const [{ channel, token }] = clients as [Client]
      heard = 0
      const all = until()
      for (const { socket } of clients) socket.write(masked(JSON.stringify({ type: "subscribe", channel, token })))
      await all
      return { channels: [channel] }
    }
    case "count": {
      if (statuses < message.statuses) {
        wanted = message.statuses
        await until()
      }
      statuses -= message.statuses
      wanted = Infinity
      return {}
    }
    case "close":
      for (const { socket } of clients) socket.destroy()
      clients = []
      return {}
  }
}

process.on("disconnect", () => process.exit(0))
process.on("message", (message: ToClients) => {
  const begun = performance.now()
  const told = async () => {
    const result = await act(message)
    process.send!({ done: message.do, seconds: (performance.now() - begun) / 1_000, ...result } satisfies FromClients)
  }
  told().catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
})
