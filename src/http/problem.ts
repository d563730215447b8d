import { Effect, Schema } from "effect"
import { HttpServerRespondable, HttpServerResponse } from "effect/http"

/**
 * A refusal as JSON: `{"error":"<tag>","message":"…"}`.
 *
 * @param error a tag for programs, the same for the same reason
 * @param message for people; no secret, and of the client's input only what is printable
 */
export const problem = (
  status: number,
  error: string,
  message: string,
  headers: Readonly<Record<string, string>> = {}
): HttpServerResponse.HttpServerResponse => HttpServerResponse.jsonUnsafe({ error, message }, { status, headers })

const statuses = {
  InvalidRequest: 400,
  BodyBroken: 400,
  Unauthorized: 401,
  ForeignHost: 403,
  ForeignOrigin: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  BodyIdle: 408,
  BodyTooLarge: 413,
  UnsupportedMediaType: 415,
  CompressedBody: 415,
  TooManyRequests: 429,
  TooManyUploads: 429
} as const

export type RefusalReason = keyof typeof statuses

const headersOf = (reason: RefusalReason): Readonly<Record<string, string>> => {
  if (reason === "Unauthorized") return { "www-authenticate": "Bearer" }
  return reason === "TooManyRequests" || reason === "TooManyUploads" ? { "retry-after": "1" } : {}
}

/** A request that breaks a rule of the server or of its route. The reason is what the client reads, and fixes the status. */
export class RequestRefused extends Schema.TaggedError<RequestRefused>()("RequestRefused", {
  reason: Schema.Literals(Object.keys(statuses) as ReadonlyArray<RefusalReason>),
  message: Schema.String
}) {
  get response(): HttpServerResponse.HttpServerResponse {
    return problem(statuses[this.reason], this.reason, this.message, headersOf(this.reason))
  }
  [HttpServerRespondable.symbol]() {
    return Effect.succeed(this.response)
  }
}

/** A refusal as a failure of a route: the reason fixes the status (`InvalidRequest` 400, `NotFound` 404, `BodyTooLarge` 413, …). */
export const refuse = (reason: RefusalReason, message: string): RequestRefused =>
  new RequestRefused({ reason, message })
