import { ConfigProvider, Context, Effect, Layer, Logger } from "effect"
import type { Scope } from "effect"
import { HttpServer } from "effect/http"
import { Readiness } from "../../src/http/readiness.ts"
import * as Server from "../../src/http/server.ts"
import { ApiDescriptions } from "../../src/index.ts"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import { Sqlite } from "../../src/projection/index.ts"
import { Log } from "../../src/runtime/log.ts"
import { Channels } from "../../src/status/channels.ts"
import * as Gateway from "../../src/status/gateway.ts"
import { descriptions as operationsDescribed } from "../../src/supervision/descriptions.ts"
import type { Actors } from "../../src/supervision/actors.ts"
import * as Supervision from "../../src/supervision/layer.ts"
import type { Selection } from "../../src/supervision/plan.ts"
import { routes as operations } from "../../src/supervision/routes.ts"
import { descriptions } from "../../topology/descriptions.ts"
import topology from "../../topology/topology.ts"
import { keys } from "../status/world.ts"
import { paymentService } from "./payments.ts"
import { World } from "./world.ts"

const options = {
  host: "127.0.0.1",
  port: 0,
  drain: "5 seconds",
  docs: { title: topology.name, version: "test", descriptions: operationsDescribed }
} as const

/** As `sixfold start` serves them; `heard` gets the address. */
const gateway = (heard: (address: string) => void) => (routes: ReadonlyArray<Supervision.Part>) =>
  Server.layer(Layer.mergeAll(operations, Gateway.layer(), ...routes), options).pipe(
    Layer.tap((context) =>
      Effect.sync(() => heard(HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address)))
    )
  )

/** One process with the topology, in this one: broker and database in memory, HTTP on a port of its own. */
const start = Effect.fnUntraced(function* (
  broker: Embedded.EmbeddedBroker["Service"],
  payments: string,
  selection: Selection
): Effect.fn.Return<string, never, Scope.Scope> {
  let address = ""
  const running = Supervision.layer(topology, {
    ...selection,
    app: "stories",
    instance: "one",
    gateway: gateway((heard) => {
      address = heard
    })
  })
  const services = Layer.mergeAll(
    Log.layer,
    Layer.provide(Channels.layer, keys(1)),
    Readiness.layer,
    Sqlite.layer(":memory:"),
    Layer.succeed(ApiDescriptions, descriptions),
    ConfigProvider.layer(ConfigProvider.fromUnknown({ SIXFOLD_PAYMENT_URL: payments }))
  ).pipe(Layer.provideMerge(Layer.succeed(Kafka, broker.client("one").kafka)))
  // What a request brings is not known to the types here.
  const whole = Layer.orDie(Layer.provide(running, services)) as Layer.Layer<Actors>
  yield* Layer.build(whole)
  return address
})

/** Everything in this process, as `npm start` has it: nothing happens to it. */
export const embedded = (selection: Selection = {}) =>
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
