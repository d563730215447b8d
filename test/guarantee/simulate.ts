/** `npm run simulate -- --seeds N [--seed S] [--jobs J]`: runs the guarantee scenario under N seeds, from S on. */
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads"
import { Effect, Logger } from "effect"
import { simulate } from "../../src/testing/simulation/simulation.ts"
import type { Report } from "../../src/testing/simulation/simulation.ts"
import { scenario } from "./scenario.ts"

/** The seeds of one thread: every `jobs`-th, from `first` on. */
interface Share {
  readonly first: number
  readonly end: number
  readonly jobs: number
}

const work = async ({ end, first, jobs }: Share, done: (report: Report) => void) => {
  for (let seed = first; seed < end; seed += jobs) {
    done(await Effect.runPromise(Effect.provide(simulate(scenario(), { seed }), Logger.layer([]))))
  }
}

const main = async () => {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "2000" },
      seed: { type: "string", default: "1" },
      jobs: { type: "string", default: String(availableParallelism()) }
    }
  })
  const [seeds, first, wanted] = [Number(values.seeds), Number(values.seed), Number(values.jobs)]
  if (![seeds, first, wanted].every(Number.isInteger) || seeds < 1 || wanted < 1) {
    process.stderr.write("simulate: --seeds, --seed and --jobs take whole numbers\n")
    return 2
  }
  const faults = new Map<string, number>()
  let [passed, failed, slowest] = [0, 0, 0]
  const done = (report: Report) => {
    for (const [fault, times] of report.faults) faults.set(fault, (faults.get(fault) ?? 0) + times)
    slowest = Math.max(slowest, report.recovery)
    if (report.violations.length === 0) passed++
    else failed++
    if (report.violations.length > 0) {
      process.stdout.write(`seed ${report.seed} failed (replay: npm run simulate -- --seeds 1 --seed ${report.seed})\n`)
      for (const violation of report.violations) process.stdout.write(`  ${violation}\n`)
    }
    if ((passed + failed) % 250 === 0) process.stdout.write(`${passed + failed} of ${seeds}\n`)
  }
  const begin = performance.now()
  const jobs = Math.min(wanted, seeds)
  const threads = Array.from({ length: jobs }, (_, n) => {
    const share: Share = { first: first + n, end: first + seeds, jobs }
    return new Promise<void>((resolve, reject) => {
      const thread = new Worker(new URL(import.meta.url), { workerData: share })
      thread
        .on("message", done)
        .on("error", reject)
        .on("exit", () => resolve())
    })
  })
  await Promise.all(threads)
  for (const [fault, times] of [...faults].toSorted(([a], [b]) => a.localeCompare(b))) {
    process.stdout.write(`${String(times).padStart(9)}  ${fault}\n`)
  }
  const seconds = ((performance.now() - begin) / 1_000).toFixed(1)
  process.stdout.write(`longest recovery ${slowest / 1_000} virtual seconds; ${seconds} s\n`)
  process.stdout.write(`${passed} passed, ${failed} failed\n`)
  return failed === 0 && passed === seeds ? 0 : 1
}

if (isMainThread) process.exitCode = await main()
else await work(workerData as Share, (report) => parentPort!.postMessage(report))
