import { Context, Effect, Layer, Option } from "effect"
import { HttpServer } from "effect/http"
import type { SqlClient } from "effect/sql"
import { join } from "node:path"
import type { AnyTopology } from "../actor/topology.ts"
import { Readiness } from "../http/readiness.ts"
import * as Server from "../http/server.ts"
import { identify } from "../projection/identity.ts"
import { Postgres } from "../projection/postgres.ts"
import { Sqlite } from "../projection/sqlite.ts"
import { Log } from "../runtime/log.ts"
import { ChannelKeys } from "../status/channelKeys.ts"
import { Channels } from "../status/channels.ts"
import * as Gateway from "../status/gateway.ts"
import { Actors } from "../supervision/actors.ts"
import * as Supervision from "../supervision/layer.ts"
import type { Part } from "../supervision/layer.ts"
import { descriptions } from "../supervision/descriptions.ts"
import { plan } from "../supervision/plan.ts"
import { routes as operations } from "../supervision/routes.ts"
import * as Broker from "./broker.ts"
import * as DataDirectory from "./dataDirectory.ts"
import * as Logging from "./logging.ts"
import { Signals } from "./signals.ts"
import type { StartOptions } from "./start.ts"
import { readToken } from "./token.ts"
import * as Telemetry from "./telemetry.ts"
import { selectionOf } from "./topology.ts"
import { printTopics } from "./topics.ts"
import type { TopicsOptions } from "./topics.ts"
import { untilSignal } from "./untilSignal.ts"
import { UsageError } from "./usage.ts"
import { version } from "./version.ts"

/** The services every process has. What is not the brokers' is kept in its data directory. */
const services = (directory: string, { channelKeyFile, database, kafka }: StartOptions) => {
  const keys = Option.match(channelKeyFile, {
    onNone: () => ChannelKeys.layerData(directory),
    onSome: ChannelKeys.layerFile
  })
  return Layer.mergeAll(
    Log.layer,
    Layer.provide(Channels.layer, keys),
    Readiness.layer,
    Option.match(database, {
      onNone: () => Sqlite.layer(join(directory, "views.sqlite")),
      onSome: Postgres.layer
    })
  ).pipe(Layer.provideMerge(Broker.layer(kafka, directory)))
}

/** For other processes' operators: nothing secret, and no parameters. */
const databaseName = (directory: string, { database }: StartOptions): string =>
  Option.match(database, {
    onNone: () => `SQLite in ${directory}`,
    onSome: (url) => {
      const { host, pathname } = new URL(url)
      return `PostgreSQL at ${host}${pathname}`
    }
  })

/** The HTTP server around the topology's routes, the operations' and the WebSocket; says where it listens once it does. */
const gateway = (topology: AnyTopology, options: Server.Options, frame: number) => (routes: ReadonlyArray<Part>) =>
  Server.layer(Layer.mergeAll(operations, Gateway.layer({ frame }), ...routes), options).pipe(
    Layer.tap((context) => {
      const address = HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address)
      return Effect.logInfo(`${topology.name} is up at ${address}`)
    })
  )

/** Where no address tells that the process is up, this does. */
const untilFailed =
  (name: string) =>
  ({ failed, topology: { nodes } }: Actors["Service"]) => {
    const isServed = nodes.some(({ kind, replicas }) => kind === "routes" && replicas > 0)
    return isServed ? failed : Effect.andThen(Effect.logInfo(`${name} is up, without its gateway`), failed)
  }

/** `sixfold start`: until a signal, a failure, or another process with our name. */
export const serve = Effect.fnUntraced(
  function* (topology: AnyTopology, options: StartOptions) {
    const selection = selectionOf(options)
    const { frame, ...limits } = options.limits
    // What can be refused is refused before anything is touched.
    yield* Effect.fromResult(plan(topology, selection))
    if (Option.isSome(options.kafka) && Option.isNone(options.channelKeyFile)) {
      const message = "--kafka needs --channel-key-file: all processes of a topology sign channels with the same key"
      return yield* new UsageError({ message })
    }
    const telemetry = yield* Telemetry.read(topology.name)
    const token = yield* readToken(options.tokenFile)
    const binding = { host: options.host, ...(Option.isSome(token) ? { token: token.value } : {}) }
    yield* Server.refuseUnsafe(binding)
    if (Option.isSome(options.channelKeyFile)) {
      yield* Effect.scoped(Layer.build(ChannelKeys.layerFile(options.channelKeyFile.value)))
    }
    const directory = yield* DataDirectory.open(options.data)
    const instance = Option.getOrElse(options.instance, () => directory.instance)
    yield* Effect.logInfo(`${topology.name} starts as ${instance}, with its data in ${directory.path}`)
    const supervised = (database: NonNullable<Supervision.LayerOptions["database"]>) =>
      Supervision.layer(topology, {
        ...selection,
        database,
        app: options.app,
        instance,
        members: true,
        gateway: gateway(
          topology,
          {
            ...binding,
            port: options.port,
            docs: { title: topology.name, version, descriptions },
            allowOrigins: Option.getOrElse(options.allowOrigin, () => []),
            // The other half is for what the requests have set going.
            drain: `${options.drain / 2} seconds`,
            limits: { ...limits, bodyIdle: limits.bodyIdle * 1_000 }
          },
          frame
        )
      })
    const running = Layer.unwrap(
      Effect.map(Effect.context<SqlClient.SqlClient>(), (context) =>
        supervised(Effect.provideContext(identify(databaseName(directory.path, options)), context))
      )
    ).pipe(Layer.provide(services(directory.path, options)))
    const exporting = Option.match(telemetry, {
      onNone: () => running,
      onSome: (of) => {
        const { actors, base } = of(instance)
        return Layer.provide(Layer.provideMerge(actors, running), base)
      }
    })
    yield* untilSignal(
      Effect.flatMap(Layer.build(exporting), (context) =>
        Actors.use(untilFailed(topology.name)).pipe(Effect.provideContext(context))
      ),
      options.drain
    )
  },
  (effect, _, { log }) => Effect.provide(effect, [Signals.layer, Logging.layer(log)])
)

/** `sixfold topics`: of the brokers given, else of the embedded one, which no other process may have open. */
export const topics = Effect.fnUntraced(function* (topology: AnyTopology, options: TopicsOptions) {
  const broker = Option.isSome(options.kafka)
    ? Broker.remote(options.kafka.value)
    : Broker.layer(options.kafka, (yield* DataDirectory.open(options.data)).path)
  yield* Effect.provide(printTopics(topology, options.create), broker)
})
