import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { Context, Deferred, Effect, Random, Stream } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import type { ServerResponse } from "node:http"

/** Waits until the server that runs the present request begins to shut down. */
export const CurrentDraining = Context.Reference<Effect.Effect<void>>("sixfold/http/CurrentDraining", {
  defaultValue: () => Effect.never
})

/** An event by its name, with data that becomes JSON. */
export interface ServerEvent {
  readonly event: string
  readonly data: unknown
}

/** Proxies and clients take a connection without traffic for dead. */
const heartbeatEvery = "15 seconds"
/** A reader is looked at so often, and cut after so many looks without a sign: 30 seconds. */
const lookEvery = "5 seconds"
const mostStill = 6
/** Reconnects are spread over this, in milliseconds. */
const retryAfter = 1_000
const retrySpread = 3_000

const utf8 = new TextEncoder()
const encode = ({ data, event }: ServerEvent): Uint8Array =>
  utf8.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
const heartbeat = utf8.encode(": heartbeat\n\n")

const headers = { "cache-control": "no-store", "x-accel-buffering": "no" }

/** Why a stream ends before its reader leaves. */
type Ending = "restart" | "slow" | "closed"

/**
 * Ends once nothing has left for 30 seconds though something waits. A reader that then goes on reading finds the end; one that
 * does not is cut off after as long again.
 */
const watch = Effect.fnUntraced(function* (
  response: ServerResponse,
  sent: () => number,
  closing: Deferred.Deferred<Ending>
) {
  for (let [still, last] = [0, -1]; still < 2 * mostStill;) {
    yield* Effect.sleep(lookEvery)
    still = response.writableNeedDrain && sent() === last ? still + 1 : 0
    last = sent()
    if (still === mostStill) yield* Deferred.succeed(closing, "slow")
  }
  response.destroy()
})

/**
 * Answers with server-sent events (`text/event-stream`) at the pace the client reads, with comments as heartbeats. A stream that
 * the server ends says so as its last event: `end` with `{"reason"}`: `restart` (the server shuts down), `slow` (the
 * client reads nothing) or `closed` (there is no more). The client then comes again, after the stream's `retry`.
 *
 * What waits for a slow reader waits in `events`: it must be bounded there.
 */
export const eventStream = Effect.fnUntraced(function* (events: Stream.Stream<ServerEvent>) {
  const response = NodeHttpServerRequest.toServerResponse(yield* HttpServerRequest.HttpServerRequest) as ServerResponse
  const draining = yield* CurrentDraining
  const retry = retryAfter + (yield* Random.nextIntBetween(0, retrySpread))
  const closing = yield* Deferred.make<Ending>()
  let sent = 0
  // One at a time: encoded, a chunk of them might be large.
  const body = events.pipe(
    Stream.rechunk(1),
    Stream.map(encode),
    Stream.merge(Stream.drop(Stream.as(Stream.tick(heartbeatEvery), heartbeat), 1), { haltStrategy: "left" }),
    Stream.interruptWhen(Deferred.await(closing)),
    Stream.concat(
      Stream.fromEffect(
        Effect.map(Effect.andThen(Deferred.succeed(closing, "closed"), Deferred.await(closing)), (reason) =>
          encode({ event: "end", data: { reason } })
        )
      )
    ),
    (rest) => Stream.concat(Stream.make(utf8.encode(`retry: ${retry}\n\n`)), rest),
    Stream.tap(() => Effect.sync(() => sent++))
  )
  const watched = Stream.unwrap(
    Effect.gen(function* () {
      yield* Effect.forkScoped(watch(response, () => sent, closing))
      yield* Effect.forkScoped(Effect.andThen(draining, Deferred.succeed(closing, "restart")))
      return body
    })
  )
  return HttpServerResponse.stream(watched, { contentType: "text/event-stream", headers })
})
