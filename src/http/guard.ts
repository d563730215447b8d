import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { ByteSize, Clock, Context, Effect } from "effect"
import type { Redacted, Scope } from "effect"
import { HttpIncomingMessage, HttpServerRequest } from "effect/http"
import type { HttpServerResponse } from "effect/http"
import type { IncomingMessage } from "node:http"
import { isPublic, makeBearer } from "./bearer.ts"
import { clientOf, CurrentClients } from "./body.ts"
import { bodyIdle, hasBody } from "./bodyIdle.ts"
import { Clients } from "./clients.ts"
import { makeEndOfTurn } from "./endOfTurn.ts"
import { CurrentDraining } from "./eventStream.ts"
import { answerFailure, explained } from "./failure.ts"
import { preflight, readableBy, secured } from "./headers.ts"
import { CurrentLimits } from "./limits.ts"
import type { Limits } from "./limits.ts"
import { wrongType } from "./mediaType.ts"
import type { Methods } from "./methods.ts"
import { foreign, makeOwnHost, makeSite } from "./origin.ts"
import type { Provenance, Site } from "./origin.ts"
import { refuse } from "./problem.ts"
import type { RequestRefused } from "./problem.ts"

export interface GuardOptions {
  readonly host: string
  readonly token?: Redacted.Redacted
  readonly allowOrigins: ReadonlyArray<string>
  readonly limits: Limits
}

/** Bodies that some route takes. Forms, which any page may send anywhere, are not among them. */
const bodyTypes = ["application/json", "text/csv"]

const provenance = (request: HttpServerRequest.HttpServerRequest, source: IncomingMessage): Provenance => ({
  method: request.method,
  isUpgrade: request.headers["upgrade"] !== undefined,
  host: request.headers["host"],
  origin: request.headers["origin"],
  fetchSite: request.headers["sec-fetch-site"],
  localAddress: source.socket.localAddress
})

const refusals = {
  ForeignHost: "the Host header names another server",
  ForeignOrigin: "a page of another origin may not do this"
}

/** Two of them are a trick: proxies and servers disagree on which one counts. */
const isRepeated = (source: IncomingMessage, name: string): boolean => {
  let count = 0
  for (let i = 0; i < source.rawHeaders.length; i += 2) if (source.rawHeaders[i]!.toLowerCase() === name) count++
  return count > 1
}

const allowedOrigin = ({ allowOrigins }: Site, { headers }: HttpServerRequest.HttpServerRequest): string | undefined =>
  headers["origin"] !== undefined && allowOrigins.has(headers["origin"]) ? headers["origin"] : undefined

const isPreflight = (site: Site, request: HttpServerRequest.HttpServerRequest): boolean =>
  request.method === "OPTIONS" && allowedOrigin(site, request) !== undefined

/** Everything about a request that can be judged from its head, in this order; nothing when it may pass. */
const makeJudge = (options: GuardOptions, site: Site, clients: Clients) => {
  const isOwn = makeOwnHost(site)
  const hasToken = options.token === undefined ? () => true : makeBearer(options.token)
  return (
    request: HttpServerRequest.HttpServerRequest,
    source: IncomingMessage,
    now: number
  ): RequestRefused | undefined => {
    const { headers } = request
    if (!clients.admit(clientOf(request), now)) return refuse("TooManyRequests", "this client asks too often")
    if (isRepeated(source, "host")) return refuse("ForeignHost", "the Host header is repeated")
    const from = provenance(request, source)
    const reason = foreign(site, from, isOwn)
    if (reason !== undefined) return refuse(reason, refusals[reason])
    const protocols = from.isUpgrade ? headers["sec-websocket-protocol"] : undefined
    // A browser sends no token along when it asks beforehand.
    const isOpen = isPublic(request.method, request.url.split(/[?#]/, 1)[0] ?? "") || isPreflight(site, request)
    if (!isOpen && !hasToken({ authorization: headers["authorization"], protocols })) {
      return refuse("Unauthorized", "a token is needed: Authorization: Bearer …")
    }
    if (/%00/.test(request.url)) return refuse("InvalidRequest", "the address has a NUL in it")
    const { "content-encoding": encoding = "identity", "transfer-encoding": transfer = "chunked" } = headers
    if (encoding.toLowerCase() !== "identity" || transfer.toLowerCase() !== "chunked") {
      return refuse("CompressedBody", "compressed bodies are not taken")
    }
    return hasBody(headers) ? wrongType(headers["content-type"], bodyTypes) : undefined
  }
}

/** Holds for every route what no route should have to think of: see `Server.layer`. */
export const makeGuard = (options: GuardOptions, methods: Methods["Service"]) => {
  const clients = new Clients(options.limits)
  const site = makeSite(options.host, options.allowOrigins)
  const judge = makeJudge(options, site, clients)
  const answer = answerFailure(methods)
  const endOfTurn = makeEndOfTurn()
  const services = Context.make(CurrentLimits, options.limits).pipe(
    Context.add(CurrentClients, clients),
    Context.add(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(options.limits.json))
  )

  return <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) => {
    const routed = Effect.provideContext(app, services)
    const passed = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest, source: IncomingMessage) {
      const refused = judge(request, source, yield* Clock.currentTimeMillis)
      if (refused !== undefined) return refused.response
      if (isPreflight(site, request)) return preflight
      return yield* hasBody(request.headers)
        ? Effect.interruptible(
            Effect.raceFirst(routed, bodyIdle(source, options.limits.bodyIdle, yield* CurrentDraining))
          )
        : routed
    })
    return Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const source = NodeHttpServerRequest.toIncomingMessage(request) as IncomingMessage
      const isUpgrade = request.headers["upgrade"] !== undefined
      // Once so that what is asked of a database leaves together, and once so that the answers do.
      if (!isUpgrade) yield* endOfTurn
      const response = yield* Effect.catchCause(passed(request, source), answer)
      if (!isUpgrade) yield* endOfTurn
      const origin = allowedOrigin(site, request)
      return readableBy(origin)(secured(explained(response)))
    }) as Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest | Scope.Scope>
  }
}
