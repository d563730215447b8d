import { Deferred, Effect, Queue } from "effect"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

const entry = fileURLToPath(new URL("./fixture/main.ts", import.meta.url))

/** How a process ended: by itself with a code, or by a signal. */
export interface End {
  readonly code: number | null
  readonly signal: string | null
}

/** A child process of this test, killed with its scope if it still runs. */
export interface Running {
  readonly pid: number
  /** Waits for a line that matches, also one that has been printed already. */
  line(pattern: RegExp): Effect.Effect<string>
  readonly stderr: () => string
  /** Every whole line of its standard output so far. */
  readonly printed: () => ReadonlyArray<string>
  readonly ended: Effect.Effect<End>
  kill(signal: NodeJS.Signals): Effect.Effect<void>
}

/** A program run by this binary with these arguments, as a process of its own. */
export const run = Effect.fnUntraced(function* (binary: string, ...args: ReadonlyArray<string>) {
  const ended = yield* Deferred.make<End>()
  const lines = yield* Queue.unbounded<string>()
  const seen: Array<string> = []
  const printed: Array<string> = []
  let [rest, stderr] = ["", ""]
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"] })),
    (child) =>
      Effect.andThen(
        Effect.sync(() => child.kill("SIGKILL")),
        Deferred.await(ended)
      )
  )
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    const parts = (rest + chunk).split("\n")
    rest = parts.pop()!
    printed.push(...parts)
    Queue.offerAllUnsafe(lines, parts)
  })
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk
  })
  child.on("close", (code, signal) => Deferred.doneUnsafe(ended, Effect.succeed({ code, signal })))

  // One at a time: what is taken and not looked at would be lost to the next who waits.
  const line = (pattern: RegExp) =>
    Effect.gen(function* () {
      const before = seen.find((text) => pattern.test(text))
      if (before !== undefined) return before
      while (true) {
        const text = yield* Queue.take(lines)
        seen.push(text)
        if (pattern.test(text)) return text
      }
    })
  const silent = Effect.flatMap(Deferred.await(ended), ({ code, signal }) =>
    Effect.die(new Error(`the process ended with ${code ?? signal} first: ${stderr}`))
  )
  return {
    pid: child.pid ?? 0,
    line: (pattern) => Effect.raceFirst(line(pattern), silent),
    stderr: () => stderr,
    printed: () => printed,
    ended: Deferred.await(ended),
    kill: (signal) => Effect.sync(() => void child.kill(signal))
  } satisfies Running
})

/** The fixture's program with these arguments. */
export const program = (...args: ReadonlyArray<string>) => run(process.execPath, entry, ...args)
