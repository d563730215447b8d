import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { Context, Effect, Fiber, Option, Schema, Stream } from "effect"
import type { Scope } from "effect"
import { HttpServerRequest } from "effect/http"
import type { HttpServerError } from "effect/http"
import { Clients } from "./clients.ts"
import { CurrentLimits, defaultLimits } from "./limits.ts"
import type { Limits } from "./limits.ts"
import { wrongType } from "./mediaType.ts"
import { refuse } from "./problem.ts"
import type { RequestRefused } from "./problem.ts"

/** The server's account of its clients. */
export const CurrentClients = Context.Reference<Clients>("sixfold/http/CurrentClients", {
  defaultValue: () => new Clients(defaultLimits)
})

/** Who asks: the address at the other end of the connection. */
export const clientOf = (request: HttpServerRequest.HttpServerRequest): string =>
  Option.getOrElse(request.remoteAddress, () => "unknown")

const tooLarge = (limit: number) => refuse("BodyTooLarge", `the body is larger than ${limit} bytes`)

const unreadable =
  (limit: number) =>
  (error: HttpServerError.HttpServerError): RequestRefused =>
    error.reason._tag === "RequestParseError" && error.reason.reason === "BodyTooLarge"
      ? tooLarge(limit)
      : refuse("BodyBroken", "the body broke off")

/**
 * Of a declared length over the limit nothing is read, and what trickles in has a time for all of it. Read apart: a reader that is
 * interrupted destroys the connection, and who fell silent has an answer to get on it. It ends with the body or the connection.
 */
const text = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest, { bodyIdle, json }: Limits) {
  if (Number(request.headers["content-length"] ?? 0) > json) return yield* tooLarge(json)
  const reading = yield* Effect.forkDetach(request.text, { startImmediately: true })
  const whole = Effect.mapError(Fiber.join(reading), unreadable(json))
  return yield* Effect.timeoutOrElse(whole, {
    duration: 2 * bodyIdle,
    orElse: () => refuse("BodyIdle", "the body came too slowly")
  })
})

/** The JSON body, decoded. Fails with `UnsupportedMediaType`, `BodyTooLarge` or `InvalidRequest`, which says what was expected where. */
export const jsonBody = <A>(schema: Schema.ConstraintDecoder<A>) => {
  const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(schema))
  return Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const limits = yield* CurrentLimits
    const wrong = wrongType(request.headers["content-type"], ["application/json"])
    if (wrong !== undefined) return yield* wrong
    return yield* Effect.mapError(decode(yield* text(request, limits)), (error) =>
      refuse("InvalidRequest", error.message)
    )
  })
}

const takeSlot = Effect.fnUntraced(function* (client: string) {
  const clients = yield* CurrentClients
  const slot = Effect.acquireRelease(
    Effect.sync(() => clients.beginUpload(client)),
    (isTaken) => Effect.sync(() => (isTaken ? clients.endUpload(client) : undefined))
  )
  if (!(yield* slot)) return yield* refuse("TooManyUploads", "this client has too many uploads under way")
})

/** Fails once more than `limit` bytes have passed. */
const bounded = (limit: number) => {
  let passed = 0
  return Stream.mapEffect((chunk: Uint8Array) => {
    passed += chunk.length
    return passed > limit ? Effect.fail(tooLarge(limit)) : Effect.succeed(chunk)
  })
}

/**
 * The body as a stream, at the pace it is read. `limit` in bytes, default 256 MiB. Refused at once: another content type, a
 * declared length over the limit, one upload too many of this client (a slot is held until the request ends).
 *
 * The stream fails with `BodyTooLarge`, or with `BodyBroken` where the client stopped before the end, with a declared length or
 * chunked. It ends only when all of the body was there. A client that goes away may also interrupt the route: clean up on exit.
 */
export const uploadBody = Effect.fnUntraced(function* (options: {
  readonly contentType: string
  readonly limit?: number
}): Effect.fn.Return<
  Stream.Stream<Uint8Array, RequestRefused>,
  RequestRefused,
  HttpServerRequest.HttpServerRequest | Scope.Scope
> {
  const request = yield* HttpServerRequest.HttpServerRequest
  const limit = options.limit ?? (yield* CurrentLimits).upload
  const wrong = wrongType(request.headers["content-type"], [options.contentType])
  if (wrong !== undefined) return yield* wrong
  if (Number(request.headers["content-length"] ?? 0) > limit) return yield* tooLarge(limit)
  yield* takeSlot(clientOf(request))
  const source = NodeHttpServerRequest.toIncomingMessage(request)
  const end = Effect.suspend(() =>
    source.complete ? Effect.void : Effect.fail(refuse("BodyBroken", "the body broke off"))
  )
  return request.stream.pipe(
    Stream.mapError(unreadable(limit)),
    bounded(limit),
    Stream.concat(Stream.drain(Stream.fromEffect(end)))
  )
})
