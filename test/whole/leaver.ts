// A program that tries to leave its confinement, on Node and on Deno: prints for each attempt whether it was let through. Its
// arguments: a directory that is not its own, and a port of 127.0.0.1 that is not its own and listens.
import { spawnSync } from "node:child_process"
import { readFileSync, readdirSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import process from "node:process"
import { DatabaseSync } from "node:sqlite"
import { Worker } from "node:worker_threads"

const [elsewhere, port] = process.argv.slice(2) as [string, string]

const attempts: Readonly<Record<string, () => unknown>> = {
  "read a file of the system": () => readFileSync("/etc/passwd"),
  "list another directory": () => readdirSync(elsewhere),
  "read a secret of another program": () => readFileSync(`${elsewhere}/secret`),
  "write a file elsewhere": () => writeFileSync(`${elsewhere}/written`, "x"),
  "change a source": () => writeFileSync(new URL("../../src/left.ts", import.meta.url), ""),
  "open a database elsewhere": () => new DatabaseSync(`${elsewhere}/opened.sqlite`).exec("CREATE TABLE t (c)"),
  "attach a database elsewhere": () =>
    new DatabaseSync(":memory:").exec(`ATTACH '${elsewhere}/attached.sqlite' AS other; CREATE TABLE other.t (c)`),
  "run a program": () => {
    const { status } = spawnSync("id")
    if (status !== 0) throw new Error("did not run")
  },
  "read the environment": () => {
    if (process.env["OF_SOMEBODY_ELSE"] === undefined) throw new Error("not there")
  },
  "connect to another port": () =>
    new Promise((resolve, reject) => connect(Number(port), "127.0.0.1").on("connect", resolve).on("error", reject)),
  "listen on another port": () =>
    new Promise((resolve, reject) =>
      createServer()
        .listen(0, "127.0.0.1", resolve as () => void)
        .on("error", reject)
    ),
  "start a thread with more rights": () =>
    new Promise((resolve, reject) => {
      const code = `require("node:fs").readFileSync("/etc/passwd")`
      new Worker(code, { eval: true, execArgv: [] }).on("exit", (code) =>
        code === 0 ? resolve(0) : reject(new Error())
      )
    })
}

const through: Array<string> = []
for (const [name, attempt] of Object.entries(attempts)) {
  try {
    // Deno tells some refusals to nobody's listener.
    await new Promise((resolve, reject) => {
      process.removeAllListeners("uncaughtException").on("uncaughtException", reject)
      Promise.resolve(attempt()).then(resolve, reject)
    })
    through.push(name)
  } catch {
    // Kept in.
  }
}
console.log(`let through: ${through.join(", ") || "nothing"}; of ${Object.keys(attempts).length} attempts`)
process.exit(0)
