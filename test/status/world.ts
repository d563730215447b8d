import { Clock, Effect, Exit, Layer, Queue, Scope } from "effect"
import { WebSocket } from "ws"
import type { ClientOptions } from "ws"
import type { StatusEvent } from "../../src/actor/status.ts"
import { statusLatestTopic, statusTopic } from "../../src/actor/status.ts"
import type { ServerFrame } from "../../src/client/protocol.ts"
import type * as Server from "../../src/http/server.ts"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { statusRecords } from "../../src/runtime/collect.ts"
import { ChannelKeys } from "../../src/status/channelKeys.ts"
import { Channels } from "../../src/status/channels.ts"
import * as Gateway from "../../src/status/gateway.ts"
import type { GatewayLimits } from "../../src/status/limits.ts"
import { serving } from "../http/wire.ts"

const key = (byte: number) => new Uint8Array(32).fill(byte)
export const keys = (...bytes: ReadonlyArray<number>) =>
  Layer.succeed(ChannelKeys, { current: key(bytes[0]!), accepted: bytes.map(key) })

export interface Status {
  readonly channel: string
  readonly id: string
  readonly event: StatusEvent
}

/** A broker, and an actor that reports statuses on it, each report in a transaction of its own. */
export const makeWorld = Effect.gen(function* () {
  const broker = yield* Embedded.make()
  const { kafka } = broker.client("worker")
  yield* kafka.topics.ensure([statusTopic, statusLatestTopic])
  const transactor = yield* kafka.transactor({ transactionalId: "worker" })
  const report = Effect.fnUntraced(function* (...statuses: ReadonlyArray<Status>) {
    const about = { now: yield* Clock.currentTimeMillis, headers: [] }
    yield* transactor.commit({
      records: statuses.flatMap(({ channel, event, id }) =>
        statusRecords({ channel, event, value: Buffer.from(JSON.stringify(event)) }, id, about)
      )
    })
  })

  /** A process with a gateway; its scope's end is its shutdown. */
  const start = Effect.fnUntraced(function* (
    options: {
      readonly name?: string
      readonly limits?: Partial<GatewayLimits>
      readonly server?: Partial<Server.Options>
      readonly keys?: Layer.Layer<ChannelKeys>
    } = {}
  ) {
    const scope = yield* Scope.fork(yield* Scope.Scope)
    const kafka = Layer.succeed(Kafka, broker.client(options.name ?? "gateway").kafka)
    const services = Layer.provideMerge(Layer.provide(Channels.layer, options.keys ?? keys(1)), kafka)
    const context = yield* Layer.buildWithScope(services, scope)
    const routes = Layer.provide(Gateway.layer(options.limits), Layer.succeedContext(context))
    const { port } = yield* Scope.provide(serving(routes, { drain: "5 seconds", ...options.server }), scope)
    return { port, stop: Scope.close(scope, Exit.void), channels: yield* Effect.provideContext(Channels, context) }
  })
  return { broker, report, start }
})

/** A client that only does what it is told. */
export interface Client {
  readonly socket: WebSocket
  readonly next: Effect.Effect<ServerFrame>
  /** The next frame, which must be of this type. */
  expect<T extends ServerFrame["type"]>(type: T): Effect.Effect<Extract<ServerFrame, { type: T }>>
  send(frame: unknown): Effect.Effect<void>
  /** Frames that came so far and were not taken. */
  readonly arrived: Effect.Effect<number>
  readonly closed: Effect.Effect<{ readonly code: number; readonly reason: string }>
  readonly close: Effect.Effect<void>
}

export const connect = Effect.fnUntraced(function* (
  port: number,
  options: ClientOptions = {},
  protocols: Array<string> = ["sixfold.v1"]
) {
  const frames = yield* Queue.unbounded<ServerFrame>()
  const closes = yield* Queue.unbounded<{ code: number; reason: string }>()
  const socket = yield* Effect.acquireRelease(
    Effect.callback<WebSocket, Error>((resume) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/channels`, protocols, options)
      socket.on("message", (data: Buffer) =>
        Queue.offerUnsafe(frames, JSON.parse(data.toString("utf8")) as ServerFrame)
      )
      socket.on("close", (code, reason) => Queue.offerUnsafe(closes, { code, reason: reason.toString("utf8") }))
      socket.on("error", (error) => resume(Effect.fail(error)))
      socket.on("open", () => resume(Effect.succeed(socket)))
    }),
    (socket) => Effect.sync(() => socket.terminate())
  )
  const next = Queue.take(frames)
  const client: Client = {
    socket,
    next,
    expect: <T extends ServerFrame["type"]>(type: T) =>
      Effect.flatMap(next, (frame) =>
        frame.type === type
          ? Effect.succeed(frame as Extract<ServerFrame, { type: T }>)
          : Effect.die(new Error(`expected ${type}, got ${JSON.stringify(frame)}`))
      ),
    send: (frame) =>
      Effect.sync(() =>
        socket.send(typeof frame === "string" || frame instanceof Uint8Array ? frame : JSON.stringify(frame))
      ),
    arrived: Queue.size(frames),
    closed: Queue.take(closes),
    close: Effect.sync(() => socket.terminate())
  }
  return client
})
