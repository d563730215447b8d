// `npm run lock`: completes package-lock.json after an install.
//
// A registry that lacks the binaries of other platforms makes npm leave their entries out without a word, and then
// `npm ci` refuses the lock file everywhere. This adds what is missing: the entries npm would write, but for the
// integrity hash, which only the missing package could tell.
import { readFileSync, writeFileSync } from "node:fs"
import { missingEntries, type Lock } from "./lock-entries.ts"

const path = new URL("../package-lock.json", import.meta.url)
const lock = JSON.parse(readFileSync(path, "utf8")) as Lock
const missing = missingEntries(lock)
const packages = Object.entries({ ...lock.packages, ...missing }).sort(([a], [b]) => a.localeCompare(b, "en"))
writeFileSync(path, `${JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }, null, 2)}\n`)
console.log(`package-lock.json: ${Object.keys(missing).length} entries of other platforms added`)
