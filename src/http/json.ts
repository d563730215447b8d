import { HttpServerResponse } from "effect/http"

/** A body as JSON. Default status 200. */
export const json = (body: unknown, status = 200): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe(body, { status })

/** A body that is JSON already. */
export const jsonText = (body: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(body, { contentType: "application/json" })
