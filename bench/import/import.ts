/**
 * A contacts import end to end, as a user has it: one process with the embedded broker and SQLite on disk, the file over HTTP.
 *
 *     node bench/import/import.ts [--rows 1000000]
 *
 * Prints a table and a line of JSON: seconds until the 202, until the import is done, until the last contact can be read; rows a
 * second; the server's peak resident memory (Linux); by how many percent the import went on while one of 100 rows, sent beside
 * it, began and ended.
 */
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Readable } from "node:stream"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { generateContacts } from "../../test/fixtures/generate-contacts.ts"

const { values } = parseArgs({ options: { rows: { type: "string", default: "1000000" } } })
const rows = Number(values.rows)
const giveUpAfter = 600_000
// As `npm start` has it.
const heap = ["--max-semi-space-size=8", "--heap-growing-percent=50"]
const main = new URL("../../topology/main.ts", import.meta.url).pathname

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.on("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

/** Asks until the answer is the wanted one. */
const until = async <A>(ask: () => Promise<A | undefined>, what: string): Promise<A> => {
  const start = performance.now()
  while (performance.now() - start < giveUpAfter) {
    const answer = await ask().catch(() => undefined)
    if (answer !== undefined) return answer
    await sleep(100)
  }
  throw new Error(`gave up waiting for ${what}`)
}

interface ImportAnswer {
  readonly state: string
  readonly rows: { readonly imported: number; readonly rejected: number; readonly failed: number }
}

const send = async (url: string, file: Iterable<Uint8Array>): Promise<string> => {
  const body = Readable.toWeb(Readable.from(file)) as ReadableStream
  const init = { method: "POST", headers: { "content-type": "text/csv" }, body, duplex: "half" } as RequestInit
  const response = await fetch(`${url}/imports`, init)
  if (response.status !== 202) throw new Error(`the upload was answered ${response.status}: ${await response.text()}`)
  return ((await response.json()) as { importId: string }).importId
}

const statusOf = async (url: string, importId: string): Promise<ImportAnswer | undefined> => {
  const answer = await fetch(`${url}/imports/${importId}`)
  return answer.ok ? ((await answer.json()) as ImportAnswer) : undefined
}

const ended = (url: string, importId: string): Promise<ImportAnswer> =>
  until(async () => {
    const status = await statusOf(url, importId)
    return status === undefined || status.state === "accepted" || status.state === "running" ? undefined : status
  }, "an import")

/** How far the large import is, in percent of its rows. */
const percent = async (url: string, importId: string): Promise<number> => {
  const counts = (await statusOf(url, importId))?.rows ?? { imported: 0, rejected: 0 }
  return (100 * (counts.imported + counts.rejected)) / rows
}

const peakMegabytes = (pid: number): number | undefined => {
  try {
    const line = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))
    return line === null ? undefined : Math.round(Number(line[1]) / 1024)
  } catch {
    // not Linux
    return undefined
  }
}

const measure = async (url: string, pid: number) => {
  await until(async () => (await fetch(`${url}/health/ready`)).ok || undefined, "the server")
  const start = performance.now()
  const seconds = () => Math.round((performance.now() - start) / 10) / 100
  let bytes = 0
  const counted = function* () {
    for (const chunk of generateContacts({ rows, rejectEvery: 1000 })) {
      bytes += chunk.length
      yield chunk
    }
  }
  const importId = await send(url, counted())
  const uploaded = seconds()
  const before = await percent(url, importId)
  await ended(url, await send(url, generateContacts({ rows: 100, prefix: "beside" })))
  const beside = (await percent(url, importId)) - before
  const done = await ended(url, importId)
  const imported = seconds()
  const last = `row.${rows - 2}@example.com`
  await until(async () => (await fetch(`${url}/contacts/${last}`)).ok || undefined, "the last contact")
  const readable = seconds()
  return {
    rows,
    megabytes: Math.round(bytes / 1e6),
    state: done.state,
    ...done.rows,
    uploadedAfter: uploaded,
    doneAfter: imported,
    readableAfter: readable,
    rowsPerSecond: Math.round(rows / imported),
    peakMegabytes: peakMegabytes(pid),
    percentBesideSmall: Math.round(beside * 10) / 10
  }
}

const data = mkdtempSync(join(tmpdir(), "sixfold-bench-"))
const port = await freePort()
const server = spawn(process.execPath, [...heap, main, "start", "--port", String(port), "--data", data], {
  stdio: ["ignore", "ignore", "inherit"]
})
try {
  const result = await measure(`http://127.0.0.1:${port}`, server.pid!)
  console.table(result)
  console.log(JSON.stringify({ bench: "import", ...result }))
  if (result.state !== "done") process.exitCode = 1
} finally {
  server.kill("SIGTERM")
  await new Promise((resolve) => server.once("exit", resolve))
  rmSync(data, { recursive: true, force: true })
}
