import { Effect, FileSystem, Schema } from "effect"
import { HttpBody, HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { authorized, notOurs, problemOf, RequestFailed } from "./request.ts"
import type { Destination } from "./request.ts"
import { UsageError } from "./usage.ts"

const Accepted = Schema.Struct({ importId: Schema.String, channel: Schema.String })

const unreadable = (file: string, reason: string) => new UsageError({ message: `cannot read ${file}: ${reason}` })

/** Fails for what is no file that can be read, before anybody is troubled with it. */
export const readable = Effect.fnUntraced(function* (file: string) {
  const fs = yield* FileSystem.FileSystem
  const { type } = yield* Effect.mapError(Effect.tap(fs.stat(file), fs.access(file, { readable: true })), (error) =>
    unreadable(file, error.reason._tag)
  )
  if (type !== "File") return yield* unreadable(file, "it is not a file")
})

/** Whether a Sixfold server is there, and lets us in: asks for an import that does not exist. */
export const reach = Effect.fnUntraced(function* (to: Destination) {
  const request = authorized(to)(HttpClientRequest.get(new URL("/imports/none", to.url)))
  const response = yield* Effect.mapError(
    HttpClient.execute(request),
    (error) => new RequestFailed({ message: `cannot reach ${to.url.origin}: ${error.message}` })
  )
  const { error, message } = yield* Effect.mapError(problemOf(response), () => notOurs(to))
  if (error !== "UnknownImport") return yield* new RequestFailed({ message: `${to.url.origin}: ${message}` })
})

/** Sends the file as it is, a piece at a time; answers the id of its import. */
export const upload = Effect.fnUntraced(function* (
  options: Destination & { readonly file: string; readonly channel: string }
) {
  const body = yield* Effect.mapError(HttpBody.file(options.file, { contentType: "text/csv" }), (error) =>
    unreadable(options.file, error.reason._tag)
  )
  const request = HttpClientRequest.post(new URL("/imports", options.url)).pipe(
    HttpClientRequest.setUrlParam("channel", options.channel),
    HttpClientRequest.setBody(body),
    authorized(options)
  )
  const response = yield* Effect.mapError(
    HttpClient.execute(request),
    (error) => new RequestFailed({ message: `the upload to ${options.url.origin} broke off: ${error.message}` })
  )
  if (response.status !== 202) {
    const { message } = yield* Effect.mapError(problemOf(response), () => notOurs(options))
    return yield* new RequestFailed({ message })
  }
  const { importId } = yield* Effect.mapError(HttpClientResponse.schemaBodyJson(Accepted)(response), () =>
    notOurs(options)
  )
  return importId
})
