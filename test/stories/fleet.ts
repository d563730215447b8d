import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Effect, Exit, FileSystem, Path, Scope, Semaphore } from "effect"
import { appendFileSync } from "node:fs"
import { createServer } from "node:net"
import { fileURLToPath } from "node:url"
import { run } from "../cli/process.ts"
import type { End, Running } from "../cli/process.ts"
import { random } from "../actors/import/random.ts"

const main = fileURLToPath(new URL("../../topology/main.ts", import.meta.url))

/** Milliseconds within which a kill comes. */
const latest = 3_000

/** What all processes of a system are started with. */
export interface System {
  readonly bootstrap: string
  readonly database: string
  /** Where charges are POSTed to. */
  readonly payments: string
}

/** A process of the system as a user starts it, under a name and an address that it keeps through its lives. */
export interface Ship {
  readonly name: string
  readonly url: string
  /** Of its present life. */
  readonly pid: () => number
  /** SIGKILL, and anew at once. */
  readonly kill: Effect.Effect<void>
  /** SIGTERM, and anew when it has ended, which must be well. */
  readonly restart: Effect.Effect<void>
  /** SIGSTOP, and SIGCONT after so many seconds: it lives on. */
  freeze(seconds: number): Effect.Effect<void>
  /** SIGKILL, for good. */
  readonly end: Effect.Effect<End>
  /** SIGTERM; how it ended. */
  readonly stop: Effect.Effect<End>
  readonly stderr: () => string
}

/** The key file that all processes share, in a directory of the test. */
const keyFile = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped()
  const path = (yield* Path.Path).join(directory, "channel-key")
  yield* fs.writeFileString(path, "0123456789abcdef".repeat(4), { mode: 0o600 })
  return { directory, path }
})

/** Where to look for a port. Two that begin at once must not find the same one free. */
let nextPort = 20_000 + (process.pid % 9_000)

/**
 * A free port, which nobody's connection takes while a process comes back to it: Linux gives connections out ports from 32,768 on.
 */
const port = Effect.callback<string>((resume) => {
  const look = () => {
    const [server, port] = [createServer(), nextPort++]
    server.once("error", look)
    server.listen(port, "127.0.0.1", () => server.close(() => resume(Effect.succeed(String(port)))))
  }
  look()
})

/** Starts a process, up when this returns; it is asked to end with the scope. */
export const launch = Effect.fnUntraced(function* (
  system: System,
  name: string,
  ...flags: ReadonlyArray<string>
): Effect.fn.Return<Ship, never, Scope.Scope> {
  const outer = yield* Effect.scope
  const { directory, path } = yield* keyFile.pipe(Effect.orDie, Effect.provide(NodeServices.layer))
  let scope = yield* Scope.fork(outer)
  let running!: Running

  const own = yield* port
  const start = Effect.gen(function* () {
    const of = ["--kafka", system.bootstrap, "--database", system.database, "--app", "stories", "--instance", name]
    const here = ["--data", `${directory}/data`, "--channel-key-file", path, "--port", own]
    running = yield* Scope.provide(
      // env is no process of its own: it becomes the program.
      run("env", `SIXFOLD_PAYMENT_URL=${system.payments}`, process.execPath, main, "start", ...of, ...here, ...flags),
      scope
    )
    const line = yield* running.line(/ is up(,| at )/)
    return /http:\/\/\S+/.exec(line)?.[0]
  })
  const url = yield* start
  // Whoever looks for what went wrong wants every word of every life.
  const log = Effect.sync(() => {
    const directory = process.env.STORIES_LOG
    if (directory === undefined) return
    appendFileSync(`${directory}/${name}.log`, `${running.printed().join("\n")}\n${running.stderr()}\n`)
  })
  yield* Effect.addFinalizer(() => log)
  const drained = Effect.suspend(() => Effect.andThen(running.kill("SIGTERM"), running.ended))
  yield* Effect.addFinalizer(() => Effect.ignore(Effect.timeout(drained, "20 seconds")))
  const anew = Effect.gen(function* () {
    yield* log
    yield* Scope.close(scope, Exit.void)
    scope = yield* Scope.fork(outer)
    yield* start
  })
  return {
    name,
    url: url ?? "",
    pid: () => running.pid,
    kill: Effect.gen(function* () {
      yield* running.kill("SIGKILL")
      const end = yield* running.ended
      if (end.signal !== "SIGKILL") throw new Error(`${name} had ended before: ${running.stderr().slice(-2_000)}`)
      yield* anew
    }),
    restart: Effect.gen(function* () {
      const { code, signal } = yield* drained
      const last = () => `${running.printed().slice(-60).join("\n")}\n${running.stderr().slice(-2_000)}`
      if (code !== 0) throw new Error(`${name} ended with ${code ?? signal}: ${last()}`)
      yield* anew
    }),
    freeze: (seconds) =>
      Effect.gen(function* () {
        yield* running.kill("SIGSTOP")
        yield* Effect.sleep(`${seconds} seconds`)
        yield* running.kill("SIGCONT")
      }),
    end: Effect.suspend(() => Effect.andThen(running.kill("SIGKILL"), running.ended)),
    stop: drained,
    stderr: () => running.stderr()
  }
})

/** What befalls the ships. */
export interface Trouble {
  /** One of them is killed at a random moment of the next seconds; does not wait for it. */
  readonly ask: Effect.Effect<void>
  /** How many have been killed. */
  readonly kills: () => number
}

/**
 * One is killed after the other, so that each has come back. Who asks while somebody else's trouble is still to come has a share in
 * that. The seed says which, and when.
 */
export const trouble = Effect.fnUntraced(function* (ships: ReadonlyArray<Ship>, seed: number) {
  const next = random(seed)
  const scope = yield* Effect.scope
  const oneByOne = yield* Semaphore.make(1)
  let [waiting, kills] = [0, 0]
  const kill = Effect.suspend(() => {
    waiting--
    const [wait, ship] = [next(latest), ships[next(ships.length)]!]
    return Effect.andThen(
      Effect.sleep(wait),
      Effect.suspend(() => {
        kills++
        return ship.kill
      })
    )
  })
  const ask = Effect.suspend(() => {
    if (waiting > 0) return Effect.void
    waiting++
    return oneByOne.withPermit(kill).pipe(
      Effect.tapCause((cause) =>
        Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logError(`trouble (seed ${seed}) went wrong`, cause)
      ),
      Effect.forkIn(scope),
      Effect.asVoid
    )
  })
  return { ask, kills: () => kills } satisfies Trouble
})
