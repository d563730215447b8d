/** `npm run simulate -- --seeds N [--seed S] [--jobs J]`: the guarantee under N seeds; with --seed alone, one seed and its story. */
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads"
import { Effect, Logger, Result } from "effect"
import { run } from "../../src/testing/simulation/simulation.ts"
import type { Report } from "../../src/testing/simulation/simulation.ts"
import { scenario } from "./scenario.ts"

/** The seeds of one thread: every `jobs`-th, from `first` on. */
interface Share {
  readonly first: number
  readonly end: number
  readonly jobs: number
}

interface Flags {
  readonly seeds: number
  readonly first: number
  readonly jobs: number
  readonly isStory: boolean
}

const say = (line: string) => process.stdout.write(`${line}\n`)
const usage = "--seeds, --seed and --jobs take whole numbers, at least 1"

/** Most of what a simulation allocates is soon gone. */
const resourceLimits = { maxYoungGenerationSizeMb: 64 }

const work = async ({ end, first, jobs }: Share, done: (report: Report) => void) => {
  // Lost requests are errors by the hundred thousand, and nobody reads where they were made; one seed's story is for reading.
  if (end - first > 1) Error.stackTraceLimit = 0
  for (let seed = first; seed < end; seed += jobs) {
    done(await Effect.runPromise(Effect.provide(run(scenario(seed), { seed }), Logger.layer([]))))
  }
}

const flagsOf = (args: ReadonlyArray<string>): Result.Result<Flags, string> => {
  const options = { seeds: { type: "string" }, seed: { type: "string" }, jobs: { type: "string" } } as const
  const parsed = Result.try(() => parseArgs({ args: [...args], options }).values)
  if (Result.isFailure(parsed)) return Result.fail(usage)
  const { jobs, seed, seeds } = parsed.success
  const isStory = seed !== undefined && seeds === undefined
  const count = Number(seeds ?? (isStory ? 1 : 2_000))
  const [first, wanted] = [Number(seed ?? 1), Number(jobs ?? availableParallelism())]
  const isSound = [count, first, wanted].every((it) => Number.isSafeInteger(it) && it >= 1)
  return isSound ? Result.succeed({ seeds: count, first, jobs: Math.min(wanted, count), isStory }) : Result.fail(usage)
}

const main = async () => {
  const flags = flagsOf(process.argv.slice(2))
  if (Result.isFailure(flags)) {
    process.stderr.write(`simulate: ${flags.failure}\n`)
    return 2
  }
  const { first, isStory, jobs, seeds } = flags.success
  const faults = new Map<string, number>()
  let [passed, failed, slowest] = [0, 0, 0]
  const done = ({ faults: found, recovery, seed, story, trace, violations }: Report) => {
    for (const [fault, times] of found) faults.set(fault, (faults.get(fault) ?? 0) + times)
    slowest = Math.max(slowest, recovery)
    if (violations.length === 0) passed++
    else failed++
    if (isStory) [...story, `trace ${trace}`].forEach(say)
    if (violations.length > 0) {
      say(`seed ${seed} failed (its story: npm run simulate -- --seed ${seed})`)
      for (const violation of violations) say(`  ${violation}`)
    }
    if ((passed + failed) % 500 === 0) say(`${passed + failed} of ${seeds}`)
  }
  const begin = performance.now()
  const threads = Array.from({ length: jobs }, (_, n) => {
    const share: Share = { first: first + n, end: first + seeds, jobs }
    return new Promise<void>((resolve, reject) => {
      const thread = new Worker(new URL(import.meta.url), { workerData: share, resourceLimits })
      thread
        .on("message", done)
        .on("error", reject)
        .on("exit", () => resolve())
    })
  })
  await Promise.all(threads)
  for (const [fault, times] of [...faults].toSorted(([a], [b]) => a.localeCompare(b))) {
    say(`${String(times).padStart(9)}  ${fault}`)
  }
  const seconds = ((performance.now() - begin) / 1_000).toFixed(1)
  say(`longest recovery ${slowest / 1_000} virtual seconds; ${seconds} s`)
  say(`${passed} passed, ${failed} failed`)
  return failed === 0 && passed === seeds ? 0 : 1
}

if (isMainThread) process.exitCode = await main()
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window: it takes no origin
else await work(workerData as Share, (report) => parentPort!.postMessage(report))
