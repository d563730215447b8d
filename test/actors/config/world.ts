import { Context, Effect, Exit, Layer, Scope } from "effect"
import { HttpServer } from "effect/http"
import { configRoutes } from "../../../actors/config/routes.ts"
import { SiteConfig } from "../../../actors/config/site-config.ts"
import { Topology } from "../../../src/index.ts"
import { Readiness } from "../../../src/http/readiness.ts"
import * as Server from "../../../src/http/server.ts"
import * as Embedded from "../../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../../src/kafka/kafka.ts"
import { Actors } from "../../../src/supervision/actors.ts"
import * as Supervision from "../../../src/supervision/layer.ts"
import { type Answer, exchange, head } from "../../http/wire.ts"

const topology = Topology.make("test", configRoutes, SiteConfig)

/** The JSON of an answer, also of one that came in chunks. */
export const bodyOf = ({ body, headers }: Answer): unknown =>
  JSON.parse(headers.get("transfer-encoding") === "chunked" ? body.replaceAll(/(^|\r\n)[0-9a-f]+\r\n/g, "") : body)

/** Header lines of a precondition. */
export const ifMatch = (tag: string) => `If-Match: ${tag}`
export const ifAbsent = "If-None-Match: *"

/** A broker, and processes on it that serve the configuration; `actors` decides where its writer runs. */
export const make = Effect.gen(function* () {
  const scope = yield* Effect.scope
  const broker = yield* Embedded.make()
  /** Ports by process, from when it takes requests on. */
  const ports = new Map<string, number>()

  const start = Effect.fnUntraced(function* (name: string, actors: ReadonlyArray<string> = ["gateway", "site-config"]) {
    const client = broker.client(name)
    const own = yield* Scope.fork(scope)
    const running = Supervision.layer(topology, {
      app: "test",
      instance: name,
      actors,
      gateway: (routes) =>
        Server.layer(Layer.mergeAll(Layer.empty, ...routes), { host: "127.0.0.1", port: 0, drain: "1 hour" }).pipe(
          Layer.tap((context) =>
            Effect.sync(() => {
              ports.set(
                name,
                Number(new URL(HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address)).port)
              )
            })
          ),
          Layer.provide(Readiness.layer)
        )
    }).pipe(Layer.provide(Layer.succeed(Kafka, client.kafka)))
    // The types of the gateway's routes are not known here.
    const context = yield* Layer.buildWithScope(Layer.orDie(running) as Layer.Layer<Actors>, own)
    const port = ports.get(name) ?? 0
    const ask = (method: string, path: string, body?: string, ...lines: ReadonlyArray<string>) => {
      const typed =
        body === undefined ? [] : ["Content-Type: application/json", `Content-Length: ${Buffer.byteLength(body)}`]
      return exchange(port, `${head(port, method, path, ...typed, ...lines)}${body ?? ""}`)
    }
    return {
      port,
      client,
      actors: Context.get(context, Actors),
      ask,
      get: (key: string, ...lines: ReadonlyArray<string>) => ask("GET", `/config/${key}`, undefined, ...lines),
      put: (key: string, value: unknown, ...lines: ReadonlyArray<string>) =>
        ask("PUT", `/config/${key}`, JSON.stringify(value), ...lines),
      delete: (key: string, ...lines: ReadonlyArray<string>) => ask("DELETE", `/config/${key}`, undefined, ...lines),
      stop: Scope.close(own, Exit.void)
    }
  })

  return { broker, ports, start }
})
