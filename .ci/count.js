// Sums what a run left in a folder: per suite its exit code (NAME.exit) and, where vitest ran, its JSON report (NAME.json).
// Prints "passed failed skipped", and on stderr the name of everything that did not pass.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"
import process from "node:process"

const folder = process.argv[2]
const count = { passed: 0, failed: 0, skipped: 0 }

const add = (outcome, name) => {
  count[outcome]++
  if (outcome !== "passed") process.stderr.write(`${outcome}: ${name}\n`)
}

const outcomeOf = (test) => (test.status === "passed" || test.status === "failed" ? test.status : "skipped")

const addReport = (suite, report) => {
  for (const file of report.testResults) {
    for (const test of file.assertionResults) add(outcomeOf(test), `${suite}: ${test.fullName}`)
    if (file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed")) {
      add("failed", `${suite}: ${file.name}: ${file.message}`)
    }
  }
}

for (const file of readdirSync(folder).filter((name) => name.endsWith(".exit"))) {
  const suite = basename(file, ".exit")
  const [code, kind] = readFileSync(join(folder, file), "utf8").trim().split(" ")
  const before = count.failed
  const path = join(folder, `${suite}.json`)
  if (existsSync(path)) addReport(suite, JSON.parse(readFileSync(path, "utf8")))
  else if (code === "0" && kind === "tests") add("failed", `${suite} left no report`)
  // Ended badly without a failed test: a time limit, a crash, an error outside of any test.
  if (code !== "0" && count.failed === before) {
    add("failed", `${suite}: ${code === "124" ? "over its time limit" : `exit code ${code}`}`)
  }
}

process.stdout.write(`${count.passed} ${count.failed} ${count.skipped}\n`)
