import { Cause, Effect, Schema } from "effect"
import { HttpServerError, HttpServerRespondable, HttpServerResponse } from "effect/http"
import type { HttpServerRequest } from "effect/http"
import { SqlError } from "effect/sql"
import { KafkaError } from "../kafka/errors.ts"
import type { Methods } from "./methods.ts"
import { problem, refuse } from "./problem.ts"
import { sqlFailure } from "./sqlFailure.ts"

const tags: Readonly<Record<number, string>> = {
  400: "InvalidRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  408: "BodyIdle",
  409: "Conflict",
  412: "PreconditionFailed",
  413: "BodyTooLarge",
  415: "UnsupportedMediaType",
  416: "RangeNotSatisfiable",
  429: "TooManyRequests",
  503: "Unavailable"
}

/** A failure without a body gets one. */
export const explained = (response: HttpServerResponse.HttpServerResponse): HttpServerResponse.HttpServerResponse => {
  if (response.status < 400 || response.body._tag !== "Empty") return response
  const tag = tags[response.status] ?? (response.status < 500 ? "Refused" : "Internal")
  return HttpServerResponse.setHeaders(problem(response.status, tag, `the request failed: ${tag}`), response.headers)
}

/** What is wrong inside stays inside: the log has it. */
const internal = problem(500, "Internal", "the server failed to answer this request")

const pathOf = (url: string): string => url.split(/[?#]/, 1)[0] ?? "/"

const unroutable = (request: HttpServerRequest.HttpServerRequest, methods: Methods["Service"]) => {
  const path = pathOf(request.url)
  const allowed = methods.of(path)
  if (allowed.length === 0) return refuse("NotFound", `nothing is at ${path.slice(0, 200)}`).response
  const allow = allowed.join(", ")
  return HttpServerResponse.setHeader(
    refuse("MethodNotAllowed", `${path.slice(0, 200)} takes ${allow}`).response,
    "allow",
    allow
  )
}

const ofHttp = (error: HttpServerError.HttpServerError, methods: Methods["Service"]) => {
  const { reason } = error
  if (reason._tag === "RouteNotFound") return unroutable(reason.request, methods)
  if (reason._tag !== "RequestParseError") return undefined
  return reason.reason === "BodyTooLarge"
    ? refuse("BodyTooLarge", "the body is too large").response
    : refuse("InvalidRequest", "the request cannot be read").response
}

/** A database that is away is nobody's mistake, also where a route takes its errors for defects. */
const ofSql = (error: SqlError.SqlError) => {
  const [tag, message] = sqlFailure(error) ?? []
  return tag === undefined ? undefined : problem(503, tag, message!, { "retry-after": "1" })
}

const ofError = (error: unknown, methods: Methods["Service"]): HttpServerResponse.HttpServerResponse | undefined => {
  if (HttpServerError.isHttpServerError(error)) return ofHttp(error, methods)
  if (SqlError.isSqlError(error)) return ofSql(error)
  if (error instanceof KafkaError && (error.reason === "Unavailable" || error.reason === "Closed")) {
    return problem(503, "Unavailable", "the broker does not answer", { "retry-after": "1" })
  }
  return undefined
}

/** The answer to a request whose route failed. An interrupted one gets none: its client is gone, or the server is. */
export const answerFailure =
  (methods: Methods["Service"]) =>
  <E>(cause: Cause.Cause<E>): Effect.Effect<HttpServerResponse.HttpServerResponse, E> => {
    if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
    const error = Cause.squash(cause)
    // What a route takes from the request and cannot decode is its error; a row of our own that it cannot decode is its defect.
    if (Schema.isSchemaError(error) && !Cause.hasDies(cause)) {
      return Effect.succeed(refuse("InvalidRequest", error.message).response)
    }
    const known = ofError(error, methods)
    if (known !== undefined) return Effect.succeed(known)
    if (HttpServerResponse.isHttpServerResponse(error)) return Effect.succeed(explained(error))
    if (HttpServerRespondable.isRespondable(error)) {
      return Effect.map(HttpServerRespondable.toResponse(error), explained)
    }
    return Effect.as(Effect.logError("a route failed", cause), internal)
  }
