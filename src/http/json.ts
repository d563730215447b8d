import { HttpServerResponse } from "effect/http"

/** A body as JSON. Default status 200. */
export const json = (body: unknown, status = 200): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe(body, { status })
