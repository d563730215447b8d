import { ConfigProvider, Context, Effect, Layer, Logger } from "effect"
import type { Scope } from "effect"
import { HttpServer } from "effect/http"
import { Readiness } from "../../src/http/readiness.ts"
import * as Server from "../../src/http/server.ts"
import type { Topology } from "../../src/index.ts"
import { ApiDescriptions } from "../../src/index.ts"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { Sqlite } from "../../src/projection/index.ts"
import { Log } from "../../src/runtime/log.ts"
import { Channels } from "../../src/status/channels.ts"
import * as Gateway from "../../src/status/gateway.ts"
import { descriptions as operationsDescribed } from "../../src/supervision/descriptions.ts"
import * as Supervision from "../../src/supervision/layer.ts"
import { routes as operations } from "../../src/supervision/routes.ts"
import { descriptions } from "../../topology/descriptions.ts"
import topology from "../../topology/topology.ts"
import { keys } from "../status/world.ts"
import { paymentService } from "./payments.ts"
import { World } from "./world.ts"

/** One process with the whole topology, in this one: broker and database in memory, HTTP on a port of its own. */
const start = Effect.fnUntraced(function* (
  broker: Embedded.EmbeddedBroker["Service"],
  payments: string,
  selection: Pick<Supervision.LayerOptions, "actors" | "scale">
): Effect.fn.Return<string, never, Scope.Scope> {
  let address = ""
  const options = {
    host: "127.0.0.1",
    port: 0,
    drain: "5 seconds",
    docs: { title: topology.name, version: "test", descriptions: operationsDescribed }
  } as const
  const running = Supervision.layer(topology as Topology.Topology<any>, {
    ...selection,
    app: "stories",
    instance: "one",
    gateway: (routes) =>
      Server.layer(Layer.mergeAll(operations, Gateway.layer(), ...routes), options).pipe(
        Layer.tap((context) =>
          Effect.sync(() => {
            address = HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address)
          })
        )
      ) as Layer.Layer<never>
  })
  const services = Layer.mergeAll(
    Log.layer,
    Layer.provide(Channels.layer, keys(1)),
    Readiness.layer,
    Sqlite.layer(":memory:"),
    Layer.succeed(ApiDescriptions, descriptions),
    ConfigProvider.layer(ConfigProvider.fromUnknown({ SIXFOLD_PAYMENT_URL: payments }))
  ).pipe(Layer.provideMerge(Layer.succeed(Kafka, broker.client("one").kafka)))
  yield* Layer.build(Layer.orDie(Layer.provide(running, services) as Layer.Layer<never>))
  return address
})

/** Everything in this process, as `npm start` has it: nothing happens to it. */
export const embedded = (selection: Pick<Supervision.LayerOptions, "actors" | "scale"> = {}) =>
  Layer.effect(
    World,
    Effect.gen(function* () {
      const broker = yield* Effect.orDie(Embedded.make())
      const payments = yield* paymentService
      const url = yield* start(broker, payments.url, selection)
      return World.of({
        urls: [url],
        kafka: broker.client("another program").kafka,
        payments,
        trouble: Effect.void,
        size: 1
      })
    })
  ).pipe(Layer.provide(Logger.layer([])))
