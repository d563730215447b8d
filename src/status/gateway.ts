import { Cause, Clock, Effect, FiberMap, Layer, Metric, Random, Schedule } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import type { SubscribeFrame } from "../client/protocol.ts"
import { Draining } from "../http/draining.ts"
import { problem } from "../http/problem.ts"
import type { KafkaError } from "../kafka/errors.ts"
import type { Kafka } from "../kafka/kafka.ts"
import { Channels, tokenLifetime } from "./channels.ts"
import type { ChannelError } from "./channels.ts"
import { Connection } from "./connection.ts"
import { Feed } from "./feed.ts"
import { follow } from "./follow.ts"
import type { Start } from "./follow.ts"
import { encodeFrame } from "./frames.ts"
import { defaultGatewayLimits } from "./limits.ts"
import type { GatewayLimits } from "./limits.ts"
import { Scans } from "./scans.ts"
import { Subscription } from "./subscription.ts"
import { makeWebSocketServer, refusal, withSocket } from "./upgrade.ts"
import type { Upgraded } from "./upgrade.ts"

/** Reconnects are spread over this, in milliseconds; over more where there are many sockets. */
const retryAfter = 500
const retrySpread = 3_000

const sockets = Metric.gauge("sixfold_gateway_sockets", { description: "Open WebSockets of this process" })

const reportDefect = (cause: Cause.Cause<never>) =>
  Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logError("a subscription crashed", cause)

type Services = Kafka | Feed | Scans | Channels

const make = Effect.fnUntraced(function* (limits: GatewayLimits) {
  const services = yield* Effect.context<Services>()
  const [feed, channels, draining] = [yield* Feed, yield* Channels, yield* Draining]
  const clock = yield* Clock.Clock
  const connections = new Set<Connection>()
  const following = yield* FiberMap.make<number>()
  const server = makeWebSocketServer(limits.frame)
  const runFork = Effect.runForkWith(services)

  /** Says where it stands, with a fresh token. */
  const grant = (connection: Connection, sub: Subscription, cursor: string) =>
    Effect.map(channels.grant(sub.channel), ({ token }) => {
      sub.grantedAt = clock.currentTimeMillisUnsafe()
      connection.outlet.send(encodeFrame({ type: "subscribed", channel: sub.channel, cursor, token }))
    })

  const subscribe = (connection: Connection, channel: string, start: Start) =>
    Effect.suspend(() => {
      unsubscribe(connection, channel)
      const sub = new Subscription({ channel, feed, outlet: connection.outlet, held: limits.held })
      sub.grantedAt = clock.currentTimeMillisUnsafe()
      connection.subscriptions.set(channel, sub)
      const followed = follow(sub, start, (position) =>
        grant(connection, sub, channels.encodeCursor(channel, position))
      ).pipe(Effect.tapCause(reportDefect))
      return FiberMap.run(following, sub.id, Effect.provideContext(followed, services), { startImmediately: true })
    })

  const unsubscribe = (connection: Connection, channel: string) => {
    const sub = connection.subscriptions.get(channel)
    if (sub === undefined) return
    connection.subscriptions.delete(channel)
    sub.end()
    runFork(FiberMap.remove(following, sub.id))
  }

  const startOf = ({ after, channel }: SubscribeFrame): Effect.Effect<Start, ChannelError> =>
    after === undefined ? Effect.succeed("newest") : channels.decodeCursor(channel, after)

  const subscribeAsked = Effect.fnUntraced(
    function* (connection: Connection, frame: SubscribeFrame) {
      yield* channels.authorize(frame.channel, frame.token)
      const start = yield* startOf(frame)
      if (connection.subscriptions.size >= limits.subscriptions && !connection.subscriptions.has(frame.channel)) {
        const message = `a socket follows at most ${limits.subscriptions} channels`
        return connection.error("TooManySubscriptions", message, frame.channel)
      }
      yield* subscribe(connection, frame.channel, start)
    },
    (effect, connection, { channel }) =>
      Effect.catch(effect, (error) => Effect.sync(() => connection.error(error.reason, error.message, channel)))
  )

  const open = ({ connection: below, socket }: Upgraded): Connection => {
    const connection: Connection = new Connection({
      socket,
      connection: below,
      limits,
      now: () => clock.currentTimeMillisUnsafe(),
      received: (frame) => {
        if (frame.type === "unsubscribe") unsubscribe(connection, frame.channel)
        // Runs at once up to its first wait: frames are taken in their order.
        else runFork(subscribeAsked(connection, frame))
      }
    })
    connections.add(connection)
    return connection
  }

  const close = (connection: Connection) => {
    connections.delete(connection)
    for (const channel of connection.subscriptions.keys()) unsubscribe(connection, channel)
  }

  const serve = (upgraded: Upgraded) =>
    Effect.acquireUseRelease(
      Effect.sync(() => open(upgraded)),
      Effect.fnUntraced(function* (connection) {
        yield* Metric.update(sockets, connections.size)
        const granted = yield* channels.create
        connection.outlet.send(encodeFrame({ type: "channel", ...granted }))
        yield* subscribe(connection, granted.channel, "fresh")
        yield* connection.closed
      }),
      (connection) =>
        Effect.andThen(
          Effect.sync(() => close(connection)),
          Metric.update(sockets, connections.size - 1)
        )
    )

  /** A connection that lasts longer than a token gets another one in time. */
  const renew = (connection: Connection, sub: Subscription) =>
    Effect.suspend(() => {
      if (sub.mode !== "live" || clock.currentTimeMillisUnsafe() - sub.grantedAt < tokenLifetime / 2) return Effect.void
      return grant(connection, sub, channels.encodeCursor(sub.channel, sub.position))
    })

  const heartbeat = Effect.suspend(() =>
    Effect.forEach(
      connections,
      (connection) => {
        connection.heartbeat()
        return Effect.forEach(connection.subscriptions.values(), (sub) => renew(connection, sub), { discard: true })
      },
      { discard: true }
    )
  )

  /** Every client is told another time, so that they do not come back as one. */
  const restart = Effect.forEach(
    connections,
    (connection) =>
      Effect.map(Random.nextIntBetween(retryAfter, retryAfter + retrySpread + connections.size), (retry) =>
        connection.restart({ retry })
      ),
    { discard: true }
  )

  yield* Effect.forkScoped(Effect.repeat(heartbeat, Schedule.spaced(limits.ping)))
  yield* Effect.forkScoped(
    Effect.andThen(
      draining.begun,
      Effect.suspend(() => restart)
    )
  )

  return Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const refused = refusal(request)
    if (refused !== undefined) return refused
    if (connections.size >= limits.sockets) {
      return problem(503, "TooManySockets", "this process has no room for another socket", { "retry-after": "5" })
    }
    yield* withSocket(server, serve)
    return HttpServerResponse.empty()
  })
})

/**
 * `GET /channels`: statuses to browsers over WebSocket (see `client/protocol.ts`). One reader of the `status` topic for all sockets. What a
 * client does not read is bounded: beyond, it gets `gap` and the newest of each (kind, id). When the server shuts down,
 * sockets are closed with 1012 and a hint when to come back.
 */
export const layer = (
  limits: Partial<GatewayLimits> = {}
): Layer.Layer<never, KafkaError, Kafka | Channels | Draining | HttpRouter.HttpRouter> =>
  HttpRouter.use((router) =>
    Effect.flatMap(make({ ...defaultGatewayLimits, ...limits }), (handler) => router.add("GET", "/channels", handler))
  ).pipe(Layer.provide([Feed.layer, Scans.layer]))
