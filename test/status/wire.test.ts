import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { afterAll, beforeAll, expect, it } from "vitest"
import { WebSocket, WebSocketServer } from "ws"
import { wireFrame } from "../../src/status/wire.ts"

let server: WebSocketServer
let bytes: Buffer
beforeAll(async () => {
  server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false })
  server.on("connection", (socket, { socket: below }) => below.write(bytes, () => socket.close()))
  await once(server, "listening")
})
afterAll(() => server.close())

/** What a client makes of frames that were written behind the server's back. */
const received = async (...texts: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  bytes = Buffer.concat(texts.map(wireFrame))
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const messages: Array<string> = []
  client.on("message", (data: Buffer, isBinary) => messages.push(isBinary ? "binary" : data.toString()))
  await once(client, "close")
  return messages
}

it.each([0, 1, 125, 126, 65_535, 65_536, 200_000])(
  "a frame of %i bytes is read as it was, and so is the next",
  async (length) => {
    const text = "x".repeat(length)
    expect(await received(text, "next")).toEqual([text, "next"])
  }
)

it("the length counts bytes, not letters", async () => {
  const text = "ä€😀".repeat(14)
  expect(Buffer.byteLength(text)).toBe(126)
  expect(await received(text, "next")).toEqual([text, "next"])
})
