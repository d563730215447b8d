import type { Redacted } from "effect"
import { Option, Schema } from "effect"
import { HttpClientRequest, HttpClientResponse } from "effect/http"

/** The server, or the way to it, did not take what was sent. */
export class RequestFailed extends Schema.TaggedError<RequestFailed>()("RequestFailed", { message: Schema.String }) {}

/** A server and what it wants to see. */
export interface Destination {
  readonly url: URL
  readonly token: Option.Option<Redacted.Redacted>
}

/** How the server words every refusal. */
const Problem = Schema.Struct({ error: Schema.String, message: Schema.String })

export const problemOf = HttpClientResponse.schemaBodyJson(Problem)
export const notOurs = ({ url }: Destination) => new RequestFailed({ message: `${url.origin} is not a Sixfold server` })

export const authorized = ({ token }: Destination) =>
  Option.match(token, {
    onNone: () => (request: HttpClientRequest.HttpClientRequest) => request,
    onSome: (token) => HttpClientRequest.bearerToken(token)
  })
