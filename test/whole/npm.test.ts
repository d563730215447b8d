import { assert, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { run } from "../cli/process.ts"
import { directory } from "./program.ts"

it.live("`npm start` hands a signal on: the program drains, and leaves port and data free", () =>
  Effect.gen(function* () {
    const data = yield* directory
    for (let times = 0; times < 2; times++) {
      const running = yield* run("npm", "start", "--", "--port", "0", "--data", data)
      yield* running.line(/ is up at /)
      yield* running.kill("SIGTERM")
      yield* running.line(/drained/)
      assert.deepStrictEqual(yield* running.ended, { code: 0, signal: null })
    }
  }).pipe(Effect.provide(NodeServices.layer), Effect.timeout("60 seconds"))
)

it.live(
  "`npx sixfold start` ends when npx alone is told to end: npx hands the signal to a shell, which dies of it",
  () =>
    Effect.gen(function* () {
      const data = yield* directory
      for (let times = 0; times < 2; times++) {
        const running = yield* run("npx", "sixfold", "start", "--port", "0", "--data", data)
        yield* running.line(/ is up at /)
        yield* running.kill("SIGTERM")
        // A shell that becomes its last command is none: then the signal itself comes.
        yield* running.line(/(the end of npx|SIGTERM): draining/)
        yield* running.line(/drained/)
        // Its output ends with the last process that has it.
        yield* running.ended
      }
    }).pipe(Effect.provide(NodeServices.layer), Effect.timeout("60 seconds"))
)

it.live("a signal to all of `npx sixfold start`, as a terminal sends it, is one signal", () =>
  Effect.gen(function* () {
    const data = yield* directory
    // A shell with job control makes a group of its own for it.
    const command = `set -m; npx sixfold start --port 0 --data '${data}' & echo "group $!"; wait`
    const running = yield* run("bash", "-c", command)
    const group = Number(/\d+/.exec(yield* running.line(/^group /))![0])
    yield* running.line(/ is up at /)
    yield* Effect.sync(() => process.kill(-group, "SIGINT"))
    yield* running.line(/SIGINT: draining/)
    yield* running.line(/drained/)
    yield* running.ended
    assert.notInclude(running.printed().join("\n"), "the end of npx")
    assert.notInclude(running.stderr(), "stopped at once")
  }).pipe(Effect.provide(NodeServices.layer), Effect.timeout("60 seconds"))
)
