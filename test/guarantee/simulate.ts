/** `npm run simulate -- --seeds N [--seed S]`: runs the guarantee scenario under N seeds, from S on. */
import { parseArgs } from "node:util"
import { Effect, Logger } from "effect"
import { simulate } from "../../src/testing/simulation/simulation.ts"
import { scenario } from "./scenario.ts"

const { values } = parseArgs({
  options: { seeds: { type: "string", default: "2000" }, seed: { type: "string", default: "1" } }
})
const [seeds, first] = [Number(values.seeds), Number(values.seed)]
if (!Number.isInteger(seeds) || seeds < 1 || !Number.isInteger(first)) {
  process.stderr.write("simulate: --seeds and --seed take integers\n")
  process.exit(2)
}

const faults = new Map<string, number>()
let [failed, slowest] = [0, 0]
const quiet = Logger.layer([])
const begin = performance.now()
for (let seed = first; seed < first + seeds; seed++) {
  const report = await Effect.runPromise(Effect.provide(simulate(scenario(), { seed }), quiet))
  for (const [fault, times] of report.faults) faults.set(fault, (faults.get(fault) ?? 0) + times)
  slowest = Math.max(slowest, report.recovery)
  if (report.violations.length === 0) continue
  failed++
  process.stdout.write(`seed ${seed} failed (replay: npm run simulate -- --seeds 1 --seed ${seed})\n`)
  for (const violation of report.violations) process.stdout.write(`  ${violation}\n`)
}
for (const [fault, times] of [...faults].toSorted(([a], [b]) => a.localeCompare(b))) {
  process.stdout.write(`${String(times).padStart(9)}  ${fault}\n`)
}
const seconds = ((performance.now() - begin) / 1_000).toFixed(1)
process.stdout.write(`longest recovery ${slowest / 1_000} virtual seconds; ${seconds} s\n`)
process.stdout.write(`${seeds - failed} passed, ${failed} failed\n`)
process.exit(failed === 0 ? 0 : 1)
