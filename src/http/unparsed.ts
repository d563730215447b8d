import type { IncomingMessage, Server } from "node:http"
import { ServerResponse, STATUS_CODES } from "node:http"
import type { Duplex } from "node:stream"

const tooLarge = { status: 431, error: "HeadersTooLarge", message: "the address and the headers are too large" }
const tooSlow = { status: 408, error: "HeadersIdle", message: "the headers stopped coming" }
const malformed = { status: 400, error: "InvalidRequest", message: "this is no HTTP request" }

const refusalOf = (code: string | undefined) => {
  if (code === "HPE_HEADER_OVERFLOW") return tooLarge
  return code === "ERR_HTTP_REQUEST_TIMEOUT" ? tooSlow : malformed
}

/** Whether an answer is under way: ours would end up in the middle of it. Node knows, and says so nowhere else. */
const isAnswering = (socket: Duplex): boolean =>
  "_httpMessage" in socket && socket._httpMessage instanceof ServerResponse

/** Answers what Node's own parser refuses, and an `Expect` that nobody knows, as all else is refused: as JSON. */
export const refuseUnparsed = (server: Server): void => {
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || error.code === "ECONNRESET" || isAnswering(socket)) return void socket.destroy()
    const { status, ...problem } = refusalOf(error.code)
    const body = JSON.stringify(problem)
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n` +
        `X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n${body}`
    )
  })
  server.on("checkExpectation", (_: IncomingMessage, response: ServerResponse) => {
    const body = JSON.stringify({ error: "ExpectationFailed", message: "only Expect: 100-continue is known" })
    response.writeHead(417, { "content-type": "application/json", "content-length": body.length }).end(body)
  })
}
