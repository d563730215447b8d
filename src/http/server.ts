import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Layer, Schema, Scope } from "effect"
import type { Duration, Redacted } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import type { HttpServerError, HttpServerRequest } from "effect/http"
import { createServer } from "node:http"
import type { IncomingMessage, ServerResponse } from "node:http"
import { docs } from "./docs.ts"
import type { DocsOptions } from "./docs.ts"
import { Draining } from "./draining.ts"
import { CurrentDraining } from "./eventStream.ts"
import { makeGuard } from "./guard.ts"
import { health } from "./health.ts"
import { defaultLimits } from "./limits.ts"
import type { Limits } from "./limits.ts"
import { layerRouter, Methods } from "./methods.ts"
import { isLoopback } from "./origin.ts"
import type { Readiness } from "./readiness.ts"
import { refuseUnparsed } from "./unparsed.ts"

export interface Options {
  /** A name or an address to bind. Without a token only loopback. */
  readonly host: string
  /** 0: any free port; the server's `address` says which. */
  readonly port: number
  /** Who has it may call everything; without one, whoever reaches the port may. */
  readonly token?: Redacted.Redacted
  /** Origins besides our own whose pages may call: `https://app.example.com`. */
  readonly allowOrigins?: ReadonlyArray<string>
  readonly limits?: Partial<Limits>
  /** Of `/openapi.json` and `/docs`. */
  readonly docs?: DocsOptions
  /** How long requests under way may take to end when the server shuts down. Default 5 s. */
  readonly drain?: Duration.Input
}

/** A server that anyone on the network could use was asked for. */
export class UnsafeBinding extends Schema.TaggedError<UnsafeBinding>()("UnsafeBinding", { message: Schema.String }) {}

/** Fails for an address that others can reach, without a token. */
export const refuseUnsafe = (options: Pick<Options, "host" | "token">) =>
  options.token !== undefined || isLoopback(options.host)
    ? Effect.void
    : Effect.fail(
        new UnsafeBinding({ message: `--host ${options.host} is not loopback: a token is needed (--token-file)` })
      )

/** The port is open before the routes are there: who comes in between is told so, instead of waiting for an answer for ever. */
const starting = JSON.stringify({ error: "Starting", message: "this process is not ready yet" })
const answerStarting = (response: ServerResponse) => {
  const headers = { "content-type": "application/json", "content-length": starting.length, "retry-after": "1" }
  response.writeHead(503, { ...headers, connection: "close" }).end(starting)
}

/** A server, and the requests that it has not answered yet, the oldest first. */
const makeNodeServer = (limits: Limits) => {
  const underWay = new Set<IncomingMessage>()
  // A slow upload may take long: what must not last is silence, and that is watched per body.
  // A missing Host is refused as a foreign one is.
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 0, requireHostHeader: false })
  refuseUnparsed(server)
  server.maxConnections = limits.connections
  server.on("request", (request, response) => {
    underWay.add(request)
    response.once("close", () => underWay.delete(request))
    // It closes: who asks again and again over one connection would be waited for as long as the drain may last.
    if (!server.listening) response.setHeader("connection", "close")
    if (server.listenerCount("request") === 1) answerStarting(response)
  })
  return { server, underWay }
}

/** Who waits for the end is told for whom. */
const telling = (underWay: ReadonlySet<IncomingMessage>) =>
  Effect.suspend(() => {
    const [oldest] = underWay
    return oldest === undefined
      ? Effect.void
      : Effect.annotateLogs(Effect.logWarning("still answering requests"), {
          requests: underWay.size,
          oldest: `${oldest.method} ${oldest.url}`
        })
  }).pipe(Effect.delay("5 seconds"), Effect.forever)

/**
 * Serves on the way in, and on the way out: tells those who hold connections, waits for requests under way, then closes
 * what is left.
 */
const serve = Effect.fnUntraced(function* (
  { server: node, underWay }: ReturnType<typeof makeNodeServer>,
  options: Options,
  limits: Limits
) {
  const router = yield* HttpRouter.HttpRouter
  const server = yield* HttpServer.HttpServer
  const draining = yield* Draining
  const guard = makeGuard(
    {
      host: options.host,
      allowOrigins: options.allowOrigins ?? [],
      limits,
      ...(options.token && { token: options.token })
    },
    yield* Methods
  )
  const serving = yield* Effect.flatMap(Effect.scope, Scope.fork)
  yield* server
    .serve(Effect.provideService(guard(router.asHttpEffect()), CurrentDraining, draining.begun))
    .pipe(Scope.provide(serving))
  yield* Effect.addFinalizer((exit) =>
    draining.begin.pipe(
      Effect.andThen(Effect.raceFirst(Scope.close(serving, exit), Effect.interruptible(telling(underWay)))),
      Effect.andThen(Effect.sync(() => node.closeAllConnections()))
    )
  )
})

type Needs<R> = Exclude<
  HttpRouter.Request.Without<R> | HttpRouter.Request.Only<"Requires", R> | HttpRouter.Request.Only<"GlobalRequires", R>,
  HttpRouter.HttpRouter | Draining | HttpServerRequest.HttpServerRequest | Scope.Scope
>

/**
 * Serves the routes, with `/health/live`, `/health/ready`, `/openapi.json` and `/docs`. Held for every route, in this order: requests per client (429); `Host`
 * is ours (403); no foreign page writes or upgrades (403); the token on all but health, static files and docs (401); no compressed
 * body, no form (415); bodies of at most 1 MiB unless streamed (413), never silent for long (408). Failures are JSON
 * `{"error","message"}`, without details of the inside. Responses carry a strict content security policy.
 *
 * Fails with `UnsafeBinding` before anything listens.
 */
export const layer = <A, E, R>(
  routes: Layer.Layer<A, E, R>,
  options: Options
): Layer.Layer<
  HttpServer.HttpServer,
  HttpRouter.Request.Without<E> | HttpServerError.ServeError | UnsafeBinding,
  Needs<R> | Readiness
> =>
  Layer.unwrap(
    Effect.gen(function* () {
      yield* refuseUnsafe(options)
      const limits = { ...defaultLimits, ...options.limits }
      const node = makeNodeServer(limits)
      const listening = NodeHttpServer.layerServer(() => node.server, {
        host: options.host,
        port: options.port,
        gracefulShutdownTimeout: options.drain ?? "5 seconds"
      })
      return Layer.effectDiscard(serve(node, options, limits)).pipe(
        Layer.provide(Layer.mergeAll(routes, health, docs(options.docs ?? {}))),
        Layer.provide(layerRouter),
        Layer.provide([Methods.layer, Draining.layer]),
        Layer.provideMerge(listening)
      )
    })
  ) as never
