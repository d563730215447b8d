import { Effect, FileSystem, Path, Schema } from "effect"
import { spawn } from "node:child_process"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { UsageError } from "./usage.ts"

/** `sixfold bench`' arguments. */
export interface BenchOptions {
  /** Folders of bench/, or `folder/file`; none: all that need no broker. */
  readonly names: ReadonlyArray<string>
  /** What each of them is given: all that followed `--`. */
  readonly rest: ReadonlyArray<string>
}

export class BenchFailed extends Schema.TaggedError<BenchFailed>()("BenchFailed", { message: Schema.String }) {}

/** Its output is ours. Interrupted, it is ended. */
const run = (script: string, args: ReadonlyArray<string>) =>
  Effect.callback<number>((resume) => {
    const child = spawn(process.execPath, [script, ...args], { stdio: "inherit" })
    child.on("error", (error) => resume(Effect.die(error)))
    child.on("close", (code) => resume(Effect.succeed(code ?? 1)))
    return Effect.sync(() => child.kill())
  })

/** `sixfold bench`: runs benchmarks of this repository. Fails with `UsageError` for a name there is not, `BenchFailed` where one failed. */
export const bench = Effect.fnUntraced(function* ({ names, rest }: BenchOptions) {
  const [fs, path] = [yield* FileSystem.FileSystem, yield* Path.Path]
  const folder = fileURLToPath(new URL("../../bench/", import.meta.url))
  const script = path.join(folder, "run.ts")
  const exists = (name: string) => Effect.orElseSucceed(fs.exists(path.join(folder, name)), () => false)
  if (!(yield* exists("run.ts"))) {
    return yield* new UsageError({
      message: "the benchmarks come with the repository, and are not in this installation"
    })
  }
  for (const name of names) {
    const [group = "", single = group] = name.split("/")
    if (!/^[a-z]+(\/[a-z]+)?$/.test(name) || !(yield* exists(`${group}/${single}.ts`))) {
      return yield* new UsageError({ message: `no benchmark is named ${JSON.stringify(name)}` })
    }
  }
  const code = yield* run(script, [...names, "--", ...rest])
  if (code !== 0) return yield* new BenchFailed({ message: `a benchmark ended with ${code}` })
})
