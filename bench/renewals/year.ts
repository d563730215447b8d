/**
 * A year of monthly renewals on the test clock and the embedded broker in memory, with crashes, outages and a payment service
 * that fails: each user is charged once for each month.
 *
 *     node bench/renewals/year.ts [--users 100000] [--seed 1] [--runs 20]
 *
 * Prints a line of JSON: charges made, calls it took, what went wrong (exit 1 if anything did), seconds, peak resident memory.
 */
import { Effect, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { parseArgs } from "node:util"
import { broker } from "../../test/actors/renewals/world.ts"
import { year } from "../../test/actors/renewals/year.ts"

const { values } = parseArgs({
  options: {
    users: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    runs: { type: "string", default: "20" }
  }
})
const [users, seed, runs] = [Number(values.users), Number(values.seed), Number(values.runs)]

const began = performance.now()
const { problems, ...found } = await Effect.runPromise(
  year({ users, seed, runs }).pipe(
    Effect.provide([Layer.provideMerge(broker, TestClock.layer()), Logger.layer([])]),
    Effect.scoped
  )
)
const seconds = Math.round((performance.now() - began) / 100) / 10
const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024)
console.log(
  JSON.stringify({ bench: "renewals-year", users, seed, runs, ...found, problems: problems.length, seconds, peakMiB })
)
for (const problem of problems.slice(0, 10)) console.error(problem)
if (problems.length > 0) process.exitCode = 1
