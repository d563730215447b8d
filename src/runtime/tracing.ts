import { Context, Effect, Option, Tracer } from "effect"
import type { Fiber } from "effect"
import { Headers, HttpServerRequest, HttpTraceContext } from "effect/http"
import { noHeaders } from "../kafka/records.ts"
import * as Utf8 from "../actor/utf8.ts"
import type { Header } from "../kafka/records.ts"

const traceparent = "traceparent"
const text = new TextDecoder()

/** The W3C trace context among a record's headers: what its consumer's outputs carry on. */
export const traceHeaders = (headers: ReadonlyArray<Header>): ReadonlyArray<Header> =>
  headers.length === 0 ? headers : headers.filter(([name]) => name === traceparent)

/** W3C Trace Context, version 00. */
const headerOf = ({ sampled, spanId, traceId }: Tracer.AnySpan): ReadonlyArray<Header> => [
  [traceparent, Utf8.encode(`00-${traceId}-${spanId}-${sampled ? "01" : "00"}`)]
]

/**
 * The trace context of whoever appends outside a turn: the span it runs in; without a tracer that of the HTTP request it
 * serves, which it hands on.
 */
export const currentTrace: Effect.Effect<ReadonlyArray<Header>> = Effect.withFiber((fiber) => {
  const span = Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
  if (span !== undefined) return Effect.succeed(headerOf(span))
  const request = Context.getOrUndefined(fiber.context, HttpServerRequest.HttpServerRequest)
  const caller = request === undefined ? Option.none() : HttpTraceContext.fromHeaders(request.headers)
  return Effect.succeed(Option.match(caller, { onNone: () => noHeaders, onSome: headerOf }))
})

/** Whether the program has a tracer. Without one no span is made, and outputs carry the message's own trace context. */
export const isTraced = (fiber: Fiber.Fiber<unknown, unknown>): boolean => fiber.context.mapUnsafe.has(Tracer.TracerKey)

/** An outcome that a span is to show as an error. */
class Failed<A> extends Error {
  override readonly name = "Failed"
  readonly outcome: A
  constructor(outcome: A, cause: string) {
    super(cause)
    this.outcome = outcome
  }
}

/** What of an attempt its span is told. */
export interface Spanned<A> {
  readonly name: string
  readonly attributes: Readonly<Record<string, unknown>>
  /** Of the message. */
  readonly headers: ReadonlyArray<Header>
  /** Why it failed; undefined: it did not. */
  readonly failure: (outcome: A) => string | undefined
}

/** Runs an attempt in a span of its own, a child of the message's; what it emits carries that span on. */
export const traced = <A, R>(
  { attributes, failure, headers, name }: Spanned<A>,
  attempt: (headers: ReadonlyArray<Header>) => Effect.Effect<A, never, R>
): Effect.Effect<A, never, R> => {
  const value = headers[0]?.[1]
  const parent =
    value === undefined ? undefined : Option.getOrUndefined(HttpTraceContext.fromHeaders(headersOf(text.decode(value))))
  const options = { kind: "consumer", attributes, ...(parent === undefined ? { root: true } : { parent }) } as const
  const ended = (outcome: A) => {
    const cause = failure(outcome)
    return cause === undefined ? Effect.succeed(outcome) : Effect.fail(new Failed(outcome, cause))
  }
  return Effect.useSpan(name, options, (span) =>
    Effect.flatMap(Effect.withParentSpan(attempt(headerOf(span)), span), ended)
  ).pipe(Effect.catch(({ outcome }) => Effect.succeed(outcome)))
}

const headersOf = (value: string) => Headers.fromInput({ [traceparent]: value })
