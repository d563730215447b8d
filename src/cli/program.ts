import { Effect, Layer, Option } from "effect"
import { Argument, CliConfig, Command, GlobalFlag } from "effect/cli"
import type { AnyTopology } from "../actor/topology.ts"
import { exitCode } from "./exitCode.ts"
import * as flags from "./flags.ts"
import type { ImportOptions } from "./import.ts"
import { load } from "./module.ts"
import type { StartOptions } from "./start.ts"
import type { TopicsOptions } from "./topics.ts"
import * as Topologies from "./topology.ts"
import { presenter } from "./usage.ts"
import { version } from "./version.ts"

/** What the commands do, apart from reading their flags. */
export interface Doing<R> {
  /** Runs a topology until it is told to stop. */
  start(topology: AnyTopology, options: StartOptions): Effect.Effect<void, unknown, R>
  topics(topology: AnyTopology, options: TopicsOptions): Effect.Effect<void, unknown, R>
  importFile(options: ImportOptions): Effect.Effect<void, unknown, R>
}

const module = Argument.String("module").pipe(
  Argument.withDescription("A module whose default export is a topology. Default: this program's own"),
  Argument.optional
)

const chosen = (own: AnyTopology, module: Option.Option<string>) =>
  Option.match(module, { onNone: () => Effect.succeed(own), onSome: load })

const selection = { actors: flags.actors, scale: flags.scale }

/** Every command around one topology. */
export const sixfold = <R = never>(own: AnyTopology, doing: Doing<R>) =>
  Command.make("sixfold").pipe(
    Command.withDescription(`Runs and operates the topology ${own.name}.`),
    Command.withSubcommands([
      Command.make(
        "start",
        {
          module,
          ...selection,
          kafka: flags.kafka,
          data: flags.data,
          host: flags.host,
          port: flags.port,
          app: flags.app,
          instance: flags.instance,
          tokenFile: flags.tokenFile,
          channelKeyFile: flags.channelKeyFile,
          allowOrigin: flags.allowOrigin,
          log: flags.log,
          drain: flags.drain
        },
        ({ module, ...options }) => Effect.flatMap(chosen(own, module), (topology) => doing.start(topology, options))
      ).pipe(
        Command.withDescription(
          "Runs the topology, with the broker embedded or on --kafka, until SIGINT or SIGTERM; then drains. A second signal ends it at once."
        )
      ),
      Command.make("topology", { module, format: flags.format, ...selection }, ({ module, ...options }) =>
        Effect.flatMap(chosen(own, module), (topology) => Topologies.print(topology, options))
      ).pipe(Command.withDescription("Prints the nodes, their topics, and the order of starting and stopping.")),
      Command.make(
        "topics",
        { module, kafka: flags.kafka, data: flags.data, create: flags.create },
        ({ module, ...options }) => Effect.flatMap(chosen(own, module), (topology) => doing.topics(topology, options))
      ).pipe(Command.withDescription("Shows the declared topics beside the broker's; fails where they differ.")),
      Command.make(
        "import",
        {
          file: Argument.String("file").pipe(Argument.withDescription("A CSV file with a header")),
          url: flags.url,
          tokenFile: flags.tokenFile
        },
        doing.importFile
      ).pipe(Command.withDescription("Uploads a CSV file of contacts and follows the import to its end."))
    ])
  )

const builtIns = CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] })

/** Runs the command that the arguments name; answers the exit code. What went wrong has been told on standard error. */
export const run = <R = never>(own: AnyTopology, doing: Doing<R>, args: ReadonlyArray<string>) =>
  Command.runWith(sixfold(own, doing), { version })(args).pipe(
    Effect.exit,
    Effect.flatMap(exitCode),
    Effect.provide(Layer.mergeAll(builtIns, presenter))
  )
