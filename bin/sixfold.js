#!/usr/bin/env node
// Runs the command line on Node 24 or newer (which runs TypeScript as it is): the one that started this file, or the one that
// this package brings. Plain JavaScript on purpose: Node 18 and 20 must be able to read it.
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { constants } from "node:os"
import { dirname, join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"

// Node strips types everywhere but inside `node_modules`: there the package brings JavaScript, beside its sources.
const isInstalled = import.meta.url.includes("/node_modules/")
const entry = fileURLToPath(new URL(isInstalled ? "../dist/topology/main.js" : "../topology/main.ts", import.meta.url))
const major = (version) => Number(version.split(".")[0])

/** The binary of the `node` package beside us, or nothing where its install was left out. */
const pinned = () => {
  try {
    const manifest = createRequire(import.meta.url).resolve("node/package.json")
    const name = process.platform === "win32" ? "node.exe" : "node"
    const path = join(dirname(manifest), "bin", name)
    return existsSync(path) ? path : undefined
  } catch {
    return undefined
  }
}

// V8 lets its heap grow with the machine's memory, not with what is alive: an import of a million rows took 600 MB for 100 MB of
// live objects, and takes 300 so, in the same time. Only a launch can say it.
const heap = ["--max-semi-space-size=8", "--heap-growing-percent=50"]

/** Where this is a checkout, `sixfold` in a module of its user's means the sources as well. */
const args = [...heap, ...(isInstalled ? [] : ["--conditions=sixfold-source"]), entry, ...process.argv.slice(2)]

/** This process becomes the program: nothing stands between it and signals, streams or the exit code. */
const become = () => process.execve(process.execPath, [process.execPath, ...process.execArgv, ...args])

const runIn = (binary) => {
  // A group of its own: terminals, `timeout` and service managers signal a whole group, and the program would take the copy that is
  // handed on for a second signal, which ends its drain.
  const detached = process.platform !== "win32"
  const child = spawn(binary, args, { stdio: "inherit", detached })
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"]) process.on(signal, () => child.kill(signal))
  child.on("error", (error) => {
    process.stderr.write(`sixfold: cannot run ${binary}: ${error.message}\n`)
    process.exit(1)
  })
  // The child's end is ours: its code, or the signal that killed it as a shell reports it.
  child.on("exit", (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)))
}

const isNew = major(process.versions.node) >= 24
const binary = isNew ? process.execPath : pinned()
if (isNew && process.execve && process.platform !== "win32") become()
else if (binary) runIn(binary)
else {
  process.stderr.write(
    `sixfold needs Node 24 or newer; this is ${process.version}, and the "node" package that brings one is not installed\n`
  )
  process.exit(1)
}
