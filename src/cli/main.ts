import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import type { Scope } from "effect"
import type { HttpRouter } from "effect/http"
import type { SqlClient } from "effect/sql"
import process from "node:process"
import type { Topology } from "../actor/topology.ts"
import type { Kafka } from "../kafka/kafka.ts"
import type { Log } from "../runtime/log.ts"
import type { Channels } from "../status/channels.ts"
import type { Actors } from "../supervision/actors.ts"
import { run } from "./program.ts"
import type { Doing } from "./program.ts"

/** What a program gives its topology: handlers, projections and routes may use it without providing it. */
export type ProgramServices = Kafka | Log | SqlClient.SqlClient | Channels | Actors

/** What is left of a topology that a program can run. Services of one request count as its routes' own. */
export type Runnable =
  | ProgramServices
  | Scope.Scope
  | HttpRouter.HttpRouter
  | HttpRouter.Request<"Requires", ProgramServices | Scope.Scope>
  | HttpRouter.Request<"Error", unknown>

/** Each command loads only what it needs: `--help` and `import` start no broker. */
const doing: Doing<NodeServices.NodeServices> = {
  start: (topology, options) =>
    Effect.flatMap(
      Effect.promise(() => import("./serve.ts")),
      (it) => it.serve(topology, options)
    ),
  topics: (topology, options) =>
    Effect.flatMap(
      Effect.promise(() => import("./serve.ts")),
      (it) => it.topics(topology, options)
    ),
  importFile: (options) =>
    Effect.flatMap(
      Effect.promise(() => import("./import.ts")),
      (it) => it.importFile(options)
    ),
  status: (options) =>
    Effect.flatMap(
      Effect.promise(() => import("./status.ts")),
      (it) => it.status(options)
    ),
  deadLetters: (options) =>
    Effect.flatMap(
      Effect.promise(() => import("./deadLetters.ts")),
      (it) => it.deadLetters(options)
    ),
  keys: (options) =>
    Effect.flatMap(
      Effect.promise(() => import("./keys.ts")),
      (it) => it.keys(options)
    ),
  projection: (options) =>
    Effect.flatMap(
      Effect.promise(() => import("./projection.ts")),
      (it) => it.projection(options)
    ),
  bench: (options) =>
    Effect.flatMap(
      Effect.promise(() => import("./bench.ts")),
      (it) => it.bench(options)
    )
}

/**
 * The command line around a topology: `start`, `topology`, `topics`, `import`, `status`, `dead-letters`, `keys`, `projection`, `bench`. Reads the process's arguments, and ends the process
 * with 0 after a clean stop, 1 after a failure, 2 after a usage error.
 */
export const main = (topology: Topology<Runnable>): void => {
  const program = Effect.provide(run(topology, doing, process.argv.slice(2)), NodeServices.layer)
  // Not runMain: it would end a drain with 130, and take no second signal.
  void Effect.runPromise(program).then((code) => process.exit(code))
}
