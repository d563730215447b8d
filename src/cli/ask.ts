import { Effect } from "effect"
import type { Schema } from "effect"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { printable } from "../actor/printable.ts"
import { authorized, notOurs, problemOf, RequestFailed } from "./request.ts"
import type { Destination } from "./request.ts"
import { UsageError } from "./usage.ts"

/** How long an answer may take. */
const patience = "30 seconds"

export interface Question<T> {
  readonly method: "GET" | "POST"
  /** Not encoded. */
  readonly path: ReadonlyArray<string>
  readonly query?: Readonly<Record<string, string>>
  /** As JSON. */
  readonly body?: unknown
  readonly answer: Schema.Codec<T, any>
}

/** An empty segment and dots would be read as another path, by clients and by proxies. */
const addressable = (segment: string) => !["", ".", ".."].includes(segment) && segment.isWellFormed()

const urlOf = ({ url }: Destination, { path, query = {} }: Pick<Question<unknown>, "path" | "query">) => {
  const asked = new URL(`/${path.map(encodeURIComponent).join("/")}`, url)
  for (const [name, value] of Object.entries(query)) asked.searchParams.set(name, value)
  return asked
}

/**
 * Asks a server. Fails with `UsageError` for a name that no address can hold, and `RequestFailed` where the server is
 * away, refuses, or is none of ours.
 */
export const ask = Effect.fnUntraced(function* <T>(to: Destination, question: Question<T>) {
  const odd = question.path.find((segment) => !addressable(segment))
  if (odd !== undefined) {
    return yield* new UsageError({ message: `${JSON.stringify(odd)} cannot be a part of an address` })
  }
  const bare = HttpClientRequest.make(question.method)(urlOf(to, question))
  const request = question.body === undefined ? bare : HttpClientRequest.bodyJsonUnsafe(bare, question.body)
  const response = yield* HttpClient.execute(authorized(to)(request)).pipe(
    Effect.timeout(patience),
    Effect.mapError((error) => new RequestFailed({ message: `cannot reach ${to.url.origin}: ${error.message}` }))
  )
  if (response.status >= 300) {
    const { message } = yield* Effect.mapError(problemOf(response), () => notOurs(to))
    return yield* new RequestFailed({ message: printable(message) })
  }
  return yield* HttpClientResponse.schemaBodyJson(question.answer)(response).pipe(
    Effect.timeout(patience),
    Effect.mapError(() => notOurs(to))
  )
})
