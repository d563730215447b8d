import { expect } from "@effect/vitest"
import { Effect, Exit, FileSystem, Path, Scope } from "effect"
import { fileURLToPath } from "node:url"
import { run } from "../cli/process.ts"
import type { Running } from "../cli/process.ts"

const entry = fileURLToPath(new URL("./counter-main.ts", import.meta.url))

/** One process of the program, under a name that it keeps through its lives. */
export interface Ship {
  /** SIGTERM, and anew when it has ended, which must be well. */
  readonly restart: Effect.Effect<void>
  /** SIGKILL, and anew at once. */
  readonly kill: Effect.Effect<void>
  /** SIGSTOP, and SIGCONT after so many seconds: it lives on. */
  readonly freeze: (seconds: number) => Effect.Effect<void>
  /** SIGTERM, for good. */
  readonly stop: Effect.Effect<void>
}

/** Starts a process, and ends it with the scope. */
export const launch = Effect.fnUntraced(function* (name: string, brokers: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const home = yield* fs.makeTempDirectoryScoped()
  const keys = path.join(home, "channel-key")
  yield* fs.writeFileString(keys, "0123456789abcdef".repeat(4), { mode: 0o600 })
  const flags = ["--kafka", brokers, "--data", path.join(home, "data"), "--instance", name, "--drain", "60"]
  const outer = yield* Effect.scope
  let scope = yield* Scope.fork(outer)
  let running: Running

  const start = Effect.gen(function* () {
    running = yield* Scope.provide(
      run(process.execPath, entry, "start", "--port", "0", "--channel-key-file", keys, ...flags),
      scope
    )
    yield* running.line(/ is up at /)
  })
  const anew = Effect.gen(function* () {
    yield* Scope.close(scope, Exit.void)
    scope = yield* Scope.fork(outer)
    yield* start
  })
  const stop = Effect.gen(function* () {
    yield* running.kill("SIGTERM")
    const end = yield* Effect.timeout(running.ended, "90 seconds")
    expect(end, `how ${name} ends at SIGTERM: ${running.stderr().slice(-2_000)}`).toEqual({ code: 0, signal: null })
  }).pipe(Effect.orDie)

  yield* start
  const ship: Ship = {
    restart: Effect.andThen(stop, anew),
    kill: Effect.gen(function* () {
      yield* running.kill("SIGKILL")
      const end = yield* running.ended
      expect(end, `how ${name} had ended before: ${running.stderr().slice(-2_000)}`).toMatchObject({
        signal: "SIGKILL"
      })
      yield* anew
    }),
    freeze: (seconds) =>
      Effect.gen(function* () {
        yield* running.kill("SIGSTOP")
        yield* Effect.sleep(`${seconds} seconds`)
        yield* running.kill("SIGCONT")
      }),
    stop
  }
  return ship
})
