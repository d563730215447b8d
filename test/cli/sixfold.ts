import * as NodeServices from "@effect/platform-node/NodeServices"
import { ConfigProvider, Effect, Layer, Schema } from "effect"
import { TestConsole } from "effect/testing"
import { Actor } from "../../src/actor/actor.ts"
import { Topic } from "../../src/actor/topic.ts"
import * as Topology from "../../src/actor/topology.ts"
import type { BenchOptions } from "../../src/cli/bench.ts"
import type { LettersOptions } from "../../src/cli/deadLetters.ts"
import type { ImportOptions } from "../../src/cli/import.ts"
import type { KeysOptions } from "../../src/cli/keys.ts"
import { run } from "../../src/cli/program.ts"
import type { ProjectionOptions } from "../../src/cli/projection.ts"
import type { StartOptions } from "../../src/cli/start.ts"
import type { StatusOptions } from "../../src/cli/status.ts"
import type { TopicsOptions } from "../../src/cli/topics.ts"

const [first, second] = ["first", "second"].map((name) => Topic.make(name, { value: Schema.String }))
const topology = Topology.make(
  "line",
  Actor.make("reader", { inbox: first!, emits: [second!] }).handle({ message: () => Effect.void }),
  Actor.make("writer", { inbox: second! }).handle({ message: () => Effect.void })
)

interface Seen {
  start?: StartOptions
  topics?: TopicsOptions
  importFile?: ImportOptions
  status?: StatusOptions
  deadLetters?: LettersOptions
  keys?: KeysOptions
  projection?: ProjectionOptions
  bench?: BenchOptions
  ran?: string
}

/** Runs the command line with commands that only remember what they were asked. */
export const sixfold = (args: string, environment: Record<string, string> = {}) =>
  Effect.gen(function* () {
    const seen: Seen = {}
    const code = yield* run(
      topology,
      {
        start: ({ name }, start) => Effect.sync(() => void Object.assign(seen, { start, ran: name })),
        topics: ({ name }, topics) => Effect.sync(() => void Object.assign(seen, { topics, ran: name })),
        importFile: (importFile) => Effect.sync(() => void Object.assign(seen, { importFile })),
        status: (status) => Effect.sync(() => void Object.assign(seen, { status })),
        deadLetters: (deadLetters) => Effect.sync(() => void Object.assign(seen, { deadLetters })),
        keys: (keys) => Effect.sync(() => void Object.assign(seen, { keys })),
        projection: (projection) => Effect.sync(() => void Object.assign(seen, { projection })),
        bench: (bench) => Effect.sync(() => void Object.assign(seen, { bench }))
      },
      args.split(" ").filter((arg) => arg !== "")
    ).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: environment }))))
    return {
      code,
      seen,
      out: (yield* TestConsole.logLines).join("\n"),
      err: (yield* TestConsole.errorLines).map(String)
    }
  }).pipe(Effect.provide(Layer.mergeAll(NodeServices.layer, TestConsole.layer)))
