import { Effect, Option, Tracer } from "effect"
import { Headers, HttpTraceContext } from "effect/http"
import type { Header } from "../kafka/records.ts"

const traceparent = "traceparent"
const utf8 = new TextEncoder()
const text = new TextDecoder()

/** The W3C trace context among a record's headers: what its consumer's outputs carry on. */
export const traceHeaders = (headers: ReadonlyArray<Header>): ReadonlyArray<Header> =>
  headers.length === 0 ? headers : headers.filter(([name]) => name === traceparent)

/**
 * Runs an attempt in a span of its own, a child of the message's, where the program has a tracer; what it emits carries that
 * span on. Without a tracer nothing is made, and outputs carry the message's own trace context.
 */
export const traced = <A, E, R>(
  name: string,
  attributes: () => Readonly<Record<string, unknown>>,
  headers: ReadonlyArray<Header>,
  attempt: (headers: ReadonlyArray<Header>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    if (!fiber.context.mapUnsafe.has(Tracer.TracerKey)) return attempt(headers)
    const value = headers[0]?.[1]
    const parent =
      value === undefined
        ? undefined
        : Option.getOrUndefined(HttpTraceContext.fromHeaders(headersOf(text.decode(value))))
    const options = {
      kind: "consumer",
      attributes: attributes(),
      ...(parent === undefined ? { root: true } : { parent })
    } as const
    return Effect.useSpan(name, options, (span) =>
      Effect.withParentSpan(
        attempt([[traceparent, utf8.encode(HttpTraceContext.toHeaders(span)[traceparent] ?? "")]]),
        span
      )
    )
  })

const headersOf = (value: string) => Headers.fromInput({ [traceparent]: value })
