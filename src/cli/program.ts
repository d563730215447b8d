import { Effect, Layer, Option } from "effect"
import { Argument, CliConfig, Command, GlobalFlag } from "effect/cli"
import type { AnyTopology } from "../actor/topology.ts"
import { keyActions, letterActions } from "./actions.ts"
import type { BenchOptions } from "./bench.ts"
import type { LettersOptions } from "./deadLetters.ts"
import { exitCode } from "./exitCode.ts"
import * as flags from "./flags.ts"
import type { ImportOptions } from "./import.ts"
import type { KeysOptions } from "./keys.ts"
import { limits } from "./limitFlags.ts"
import { load } from "./module.ts"
import type { ProjectionOptions } from "./projection.ts"
import type { StartOptions } from "./start.ts"
import type { StatusOptions } from "./status.ts"
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
  status(options: StatusOptions): Effect.Effect<void, unknown, R>
  deadLetters(options: LettersOptions): Effect.Effect<void, unknown, R>
  keys(options: KeysOptions): Effect.Effect<void, unknown, R>
  projection(options: ProjectionOptions): Effect.Effect<void, unknown, R>
  bench(options: BenchOptions): Effect.Effect<void, unknown, R>
}

const module = Argument.String("module").pipe(
  Argument.withDescription("A module whose default export is a topology. Default: this program's own"),
  Argument.optional
)

const chosen = (own: AnyTopology, module: Option.Option<string>) =>
  Option.match(module, { onNone: () => Effect.succeed(own), onSome: load })

const actor = Argument.String("actor").pipe(Argument.withDescription("Its name, as sixfold topology shows it"))

const server = { url: flags.url, tokenFile: flags.tokenFile }

const selection = { actors: flags.actors, scale: flags.scale }

/** Every command around one topology. `benchArguments`: what `bench` hands on. */
const sixfold = <R = never>(own: AnyTopology, doing: Doing<R>, benchArguments: ReadonlyArray<string>) =>
  Command.make("sixfold").pipe(
    Command.withDescription(`Runs and operates the topology ${own.name}.`),
    Command.withSubcommands([
      Command.make(
        "start",
        {
          module,
          ...selection,
          kafka: flags.kafka,
          database: flags.database,
          data: flags.data,
          host: flags.host,
          port: flags.port,
          app: flags.app,
          instance: flags.instance,
          tokenFile: flags.tokenFile,
          channelKeyFile: flags.channelKeyFile,
          allowOrigin: flags.allowOrigin,
          log: flags.log,
          drain: flags.drain,
          limits
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
          ...server
        },
        doing.importFile
      ).pipe(Command.withDescription("Uploads a CSV file of contacts and follows the import to its end.")),
      Command.make("status", { watch: flags.watch, ...server }, doing.status).pipe(
        Command.withDescription(
          "Shows every actor, and whatever is failed, stuck or in the dead letters with the command that cures it; fails where there is any."
        )
      ),
      Command.make(
        "dead-letters",
        {
          actor,
          action: Argument.Literals("action", letterActions).pipe(
            Argument.withDescription("What to do with them. Default: list"),
            Argument.withDefault("list" as const)
          ),
          key: flags.key,
          id: flags.id,
          all: flags.all,
          ...server
        },
        doing.deadLetters
      ).pipe(
        Command.withDescription(
          "Lists, shows, replays or discards dead letters of an actor, all or those of a key or an id."
        )
      ),
      Command.make(
        "keys",
        {
          actor,
          action: Argument.Literals("action", keyActions).pipe(
            Argument.withDescription("What to do with the key. Default: show the keys that are held or paused"),
            Argument.optional
          ),
          key: Argument.String("key").pipe(
            Argument.withDescription("As it is in the topic; behind -- where it begins with -"),
            Argument.optional
          ),
          ...server
        },
        doing.keys
      ).pipe(
        Command.withDescription(
          "Pauses a key of an actor, resumes it (which also tries a held message again), or skips what it is held by."
        )
      ),
      Command.make(
        "projection",
        {
          action: Argument.Literals("action", ["rebuild"] as const).pipe(
            Argument.withDescription("What to do with it")
          ),
          name: Argument.String("name").pipe(Argument.withDescription("Its name, as sixfold topology shows it")),
          ...server
        },
        doing.projection
      ).pipe(
        Command.withDescription("Makes the table of a projection anew, beside the one that is read, and swaps them.")
      ),
      Command.make(
        "bench",
        {
          names: Argument.String("name").pipe(
            Argument.withDescription("Folders of bench/. Default: all that need no broker"),
            Argument.variadic()
          )
        },
        ({ names }) => doing.bench({ names, rest: benchArguments })
      ).pipe(Command.withDescription("Runs benchmarks. What follows -- is for each of them."))
    ])
  )

const builtIns = CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] })

/** Behind a `--` the parser sees operands: what is meant for benchmarks would be more of their names. */
const cutForBench = (args: ReadonlyArray<string>) => {
  const border = args[0] === "bench" ? args.indexOf("--") : -1
  return border === -1 ? { own: args, rest: [] } : { own: args.slice(0, border), rest: args.slice(border + 1) }
}

/** Runs the command that the arguments name; answers the exit code. What went wrong has been told on standard error. */
export const run = <R = never>(topology: AnyTopology, doing: Doing<R>, args: ReadonlyArray<string>) => {
  const { own, rest } = cutForBench(args)
  return Command.runWith(sixfold(topology, doing, rest), { version })(own).pipe(
    Effect.exit,
    Effect.flatMap(exitCode),
    Effect.provide(Layer.mergeAll(builtIns, presenter))
  )
}
