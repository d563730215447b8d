import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { root } from "./source.ts"

// The launcher beside an entry of our own that tells what reached it.
const entry = `
const [command, ...rest] = process.argv.slice(2)
if (command === "pid") console.log(process.pid, process.execArgv.join(" "))
if (command === "exit") process.exit(Number(rest[0]))
if (command === "die") process.kill(process.pid, "SIGKILL")
if (command === "wait") {
  const beat = setInterval(() => {}, 1000)
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => { clearInterval(beat); console.log(signal); process.exitCode = 7 })
  console.log("waiting")
}
if (command === "count") {
  let count = 0
  const beat = setInterval(() => {}, 1000)
  process.on("SIGTERM", () => { if (count++ === 0) setTimeout(() => { clearInterval(beat); console.log(count) }, 300) })
  console.log("waiting")
}
if (command === "echo") for await (const chunk of process.stdin) process.stdout.write(rest.join(" ") + ": " + chunk)
`

/** Makes the process that loads it call itself Node 20. */
const older = `data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.20.2"}})`

let folder: string
let bare: string

const checkout = (withNode: boolean): string => {
  const made = mkdtempSync(join(tmpdir(), "sixfold-bin-"))
  for (const inner of ["bin", "topology", "node_modules/node/bin"]) mkdirSync(join(made, inner), { recursive: true })
  writeFileSync(join(made, "package.json"), `{"type":"module"}`)
  copyFileSync(join(root, "bin/sixfold.js"), join(made, "bin/sixfold.js"))
  writeFileSync(join(made, "topology/main.ts"), entry)
  if (withNode) {
    writeFileSync(join(made, "node_modules/node/package.json"), `{"name":"node","version":"24.0.0"}`)
    symlinkSync(process.execPath, join(made, "node_modules/node/bin/node"))
  }
  return made
}

beforeAll(() => {
  folder = checkout(true)
  bare = checkout(false)
})
afterAll(() => {
  for (const made of [folder, bare]) rmSync(made, { recursive: true })
})

const start = (made: string, age: "newer" | "older", args: ReadonlyArray<string>): ChildProcess =>
  spawn(process.execPath, [...(age === "older" ? ["--import", older] : []), join(made, "bin/sixfold.js"), ...args])

/** Ends with the exit code and all that was written. */
const ending = async (child: ChildProcess, stdin?: string) => {
  let output = ""
  child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()))
  child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()))
  child.stdin?.end(stdin)
  const [code] = (await once(child, "close")) as [number | null]
  return { code, output }
}

describe.each(["newer", "older"] as const)("sixfold, started by a Node that is %s than it needs", (age) => {
  it("hands arguments and standard input on, and output back", async () => {
    const { code, output } = await ending(start(folder, age, ["echo", "two words", "--flag"]), "typed")
    expect({ code, output }).toEqual({ code: 0, output: "two words --flag: typed" })
  })

  it("ends with the program's exit code", async () => {
    expect(await ending(start(folder, age, ["exit", "2"]))).toEqual({ code: 2, output: "" })
  })

  it.each(["SIGTERM", "SIGINT"] as const)("passes %s on and waits for the drain", async (signal) => {
    const child = start(folder, age, ["wait"])
    child.stdout?.once("data", () => child.kill(signal))
    expect(await ending(child)).toEqual({ code: 7, output: `waiting\n${signal}\n` })
  })
})

describe.each(["newer", "older"] as const)("sixfold, in a process group, started by a Node that is %s", (age) => {
  it("takes a signal to the whole group once: a second would end the drain", async () => {
    const args = [...(age === "older" ? ["--import", older] : []), join(folder, "bin/sixfold.js"), "count"]
    const child = spawn(process.execPath, args, { detached: true })
    child.stdout?.once("data", () => process.kill(-child.pid!, "SIGTERM"))
    expect((await ending(child)).output).toBe("waiting\n1\n")
  })
})

describe("sixfold, started by a new Node", () => {
  it("becomes the program, with the flags that bound its heap: no second process stays", async () => {
    const child = start(folder, "newer", ["pid"])
    const flags = "--max-semi-space-size=8 --heap-growing-percent=50 --conditions=sixfold-source"
    expect((await ending(child)).output).toBe(`${child.pid} ${flags}\n`)
  })
})

describe("sixfold, started by an older Node", () => {
  it("reports a program killed by a signal as a shell does", async () => {
    expect(await ending(start(folder, "older", ["die"]))).toEqual({ code: 137, output: "" })
  })

  it("says what is missing where no newer Node came with it", async () => {
    const { code, output } = await ending(start(bare, "older", ["echo"]))
    expect(code).toBe(1)
    expect(output).toContain("needs Node 24 or newer")
  })
})
