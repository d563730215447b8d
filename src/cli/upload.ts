import type { Redacted } from "effect"
import { Effect, Option, Schema } from "effect"
import { HttpBody, HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { UsageError } from "./usage.ts"

/** The server, or the way to it, did not take what was sent. */
export class RequestFailed extends Schema.TaggedError<RequestFailed>()("RequestFailed", { message: Schema.String }) {}

/** How the server words every refusal. */
const Problem = Schema.Struct({ error: Schema.String, message: Schema.String })
const Accepted = Schema.Struct({ importId: Schema.String, channel: Schema.String })

const refusal = (response: HttpClientResponse.HttpClientResponse) =>
  Effect.match(HttpClientResponse.schemaBodyJson(Problem)(response), {
    onFailure: () => new RequestFailed({ message: `the server answered ${response.status}` }),
    onSuccess: ({ message }) => new RequestFailed({ message })
  })

/** Sends the file as it is, a piece at a time; answers the id of its import. */
export const upload = Effect.fnUntraced(function* (options: {
  readonly file: string
  readonly url: URL
  readonly token: Option.Option<Redacted.Redacted>
  readonly channel: string
}) {
  const body = yield* Effect.mapError(
    HttpBody.file(options.file, { contentType: "text/csv" }),
    (error) => new UsageError({ message: `cannot read ${options.file}: ${error.reason._tag}` })
  )
  const url = new URL("/imports", options.url)
  const request = HttpClientRequest.post(url).pipe(
    HttpClientRequest.setUrlParam("channel", options.channel),
    HttpClientRequest.setBody(body),
    Option.match(options.token, {
      onNone: () => (request: HttpClientRequest.HttpClientRequest) => request,
      onSome: (token) => HttpClientRequest.bearerToken(token)
    })
  )
  const response = yield* Effect.mapError(
    HttpClient.execute(request),
    (error) => new RequestFailed({ message: `cannot upload to ${options.url.origin}: ${error.message}` })
  )
  if (response.status !== 202) return yield* yield* refusal(response)
  const { importId } = yield* Effect.mapError(
    HttpClientResponse.schemaBodyJson(Accepted)(response),
    () => new RequestFailed({ message: `${options.url.origin} is not a Sixfold server` })
  )
  return importId
})
