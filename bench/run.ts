/**
 * `npm run bench -- [NAME…] [-- ARGUMENT…]`: runs the benchmarks of these names one after the other (default: all that need no
 * broker), each in a process of its own. What each prints and takes is in the comment at its top.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, readdirSync } from "node:fs"

const here = new URL(".", import.meta.url)
const entry = (name: string) => new URL(`${name}/${name.split("/").at(-1)!}.ts`, here)
/** A folder's own, and those beside it: `runtime`, `runtime/restore`. */
const names = readdirSync(here, { withFileTypes: true })
  .filter((each) => each.isDirectory() && existsSync(entry(each.name)))
  .map(({ name }) => name)
/** Long, or in need of Java. */
const onRequest = new Set(["gateway", "kafka", "peers", "renewals"])

const asked = process.argv.slice(2)
const border = asked.indexOf("--")
const wanted = border === -1 ? asked : asked.slice(0, border)
const rest = border === -1 ? [] : asked.slice(border + 1)
const file = (name: string) => (existsSync(entry(name)) ? entry(name) : new URL(`${name}.ts`, here))
const unknown = wanted.filter((name) => !/^[a-z]+(\/[a-z]+)?$/.test(name) || !existsSync(file(name)))
if (unknown.length > 0) {
  console.error(`bench: no benchmark is named ${unknown.join(", ")}; there are ${names.join(", ")}`)
  process.exit(2)
}
let failed = false
for (const name of wanted.length > 0 ? wanted : names.filter((name) => !onRequest.has(name))) {
  console.log(`\n${name}`)
  const child = spawn(process.execPath, [file(name).pathname, ...rest], { stdio: "inherit" })
  const [code] = (await once(child, "close")) as [number | null]
  failed ||= code !== 0
}
process.exit(failed ? 1 : 0)
