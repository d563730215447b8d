import { HttpServerResponse } from "effect/http"

/** What a page may do: load and call its own origin only, be framed by nobody. A page that needs more says so itself. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'"
].join("; ")

const always = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin"
}

/** The usual headers, and the policy where the response has none of its own. */
export const secured = (response: HttpServerResponse.HttpServerResponse): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.setHeaders(
    response,
    "content-security-policy" in response.headers ? always : { ...always, "content-security-policy": policy }
  )

/** Lets the page of an allowed origin read the response; what it may read, others may not. */
export const readableBy =
  (origin: string | undefined) =>
  (response: HttpServerResponse.HttpServerResponse): HttpServerResponse.HttpServerResponse =>
    origin === undefined
      ? response
      : HttpServerResponse.setHeaders(response, {
          "access-control-allow-origin": origin,
          "access-control-expose-headers": "etag, location, retry-after",
          "cross-origin-resource-policy": "cross-origin",
          vary: "origin"
        })

/** The answer to a browser that asks whether a page of an allowed origin may call. */
export const preflight = HttpServerResponse.empty({
  status: 204,
  headers: {
    "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
    "access-control-allow-headers": "authorization, content-type, if-match, if-none-match",
    "access-control-max-age": "600"
  }
})
