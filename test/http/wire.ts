import { Effect, Fiber, Layer } from "effect"
import type { Scope } from "effect"
import { HttpServer } from "effect/http"
import type { HttpRouter } from "effect/http"
import { connect } from "node:net"
import type { Socket } from "node:net"
import { Readiness } from "../../src/http/readiness.ts"
import * as Server from "../../src/http/server.ts"

/** What came back over the wire. */
export interface Answer {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

const parse = (text: string): Answer => {
  const [head = "", ...rest] = text.split("\r\n\r\n")
  const [first = "", ...lines] = head.split("\r\n")
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()])
  )
  return { status: Number(first.split(" ")[1]), headers, body: rest.join("\r\n\r\n") }
}

/** The tag of a refusal. */
export const tag = (answer: Answer): string => (JSON.parse(answer.body) as { readonly error: string }).error

/** A connection that sends exactly these bytes. */
export const dial = (port: number): Effect.Effect<Socket, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Socket>((resume) => {
      const socket = connect(port, "127.0.0.1", () => resume(Effect.succeed(socket)))
      socket.on("error", () => undefined)
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

/** All that comes until the other side closes. */
export const answer = (socket: Socket): Effect.Effect<Answer> =>
  Effect.callback((resume) => {
    const chunks: Array<Buffer> = []
    socket.on("data", (chunk: Buffer) => chunks.push(chunk))
    socket.once("close", () => resume(Effect.succeed(parse(Buffer.concat(chunks).toString("utf8")))))
  })

/** One request, written by hand, one answer. */
export const exchange = Effect.fnUntraced(function* (port: number, request: string | Buffer) {
  const socket = yield* dial(port)
  const answered = yield* Effect.forkChild(answer(socket), { startImmediately: true })
  socket.write(request)
  return yield* Fiber.join(answered)
}, Effect.scoped)

/** A request head with what every honest client sends; `lines` may add to it. */
export const head = (port: number, method: string, path: string, ...lines: ReadonlyArray<string>): string =>
  [`${method} ${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`, "Connection: close", ...lines, "", ""].join("\r\n")

/** Serves the routes on a free port of 127.0.0.1 until the scope ends; answers the port. */
export const serving = Effect.fnUntraced(function* <E, R>(
  routes: Layer.Layer<never, E, R | HttpRouter.HttpRouter>,
  options: Partial<Server.Options> = {}
) {
  const server = Server.layer(routes, { host: "127.0.0.1", port: 0, drain: 0, ...options })
  const context = yield* Layer.build(Layer.provideMerge(server, Readiness.layer))
  const address = yield* Effect.provideContext(HttpServer.addressFormattedWith(Effect.succeed), context)
  return { port: Number(new URL(address).port), context }
})
