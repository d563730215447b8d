import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const six = fileURLToPath(new URL("../../topology/main.ts", import.meta.url))

export interface ProgramOptions {
  /** Default: the six patterns. */
  readonly entry?: string
  /** Of `sixfold start`, given the folder that is the test's own. */
  readonly flags?: (folder: string) => Promise<ReadonlyArray<string>>
  readonly environment?: Readonly<Record<string, string>>
}

/** The payment gateway of the test: declines where it is told to, else charges. */
export interface Payments {
  readonly url: string
  declines: boolean
  close(): Promise<void>
}

export const startPayments = async (): Promise<Payments> => {
  const server = createServer((request, response) => {
    request.resume()
    request.on("end", () => response.writeHead(payments.declines ? 402 : 200).end())
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const payments: Payments = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/charge`,
    declines: false,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    }
  }
  return payments
}

/** The whole program in a process of its own, on a data directory of its own. */
export class Program {
  url = ""
  private child: ChildProcess | undefined
  private readonly folder: string
  private readonly command: ReadonlyArray<string>
  private readonly environment: Readonly<Record<string, string>>

  private constructor(folder: string, command: ReadonlyArray<string>, environment: Readonly<Record<string, string>>) {
    this.folder = folder
    this.command = command
    this.environment = environment
  }

  static async start({ entry = six, environment = {}, flags }: ProgramOptions = {}): Promise<Program> {
    const folder = await mkdtemp(join(tmpdir(), "sixfold-browser-"))
    const given = flags === undefined ? [] : await flags(folder)
    const program = new Program(folder, [entry, "start", "--data", join(folder, "data"), ...given], environment)
    await program.up("0")
    return program
  }

  /** Again, with the same data at the same port. */
  restart(): Promise<void> {
    return this.up(new URL(this.url).port)
  }

  async kill(): Promise<void> {
    const { child } = this
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill("SIGKILL")
    await once(child, "exit")
  }

  async end(): Promise<void> {
    await this.kill()
    await rm(this.folder, { recursive: true, force: true })
  }

  private async up(port: string): Promise<void> {
    const child = spawn(process.execPath, [...this.command, "--port", port], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, ...this.environment }
    })
    this.child = child
    const printed: Array<string> = []
    for await (const line of createInterface({ input: child.stdout })) {
      printed.push(line)
      const url = / is up at (http:\/\/\S+)/.exec(line)?.[1]
      if (url === undefined) continue
      this.url = url
      child.stdout.resume()
      return
    }
    throw new Error(`the program ended before it was up:\n${printed.join("\n")}`)
  }
}

/** Asks the program as another user would: beside the page. Asks again where the answer was late: a busy machine, not a fault. */
export const send = async (
  program: Program,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {}
): Promise<Response> => {
  const content = body === undefined ? {} : { body: JSON.stringify(body) }
  const response = await fetch(`${program.url}${path}`, {
    method,
    headers: { "content-type": "application/json", ...headers },
    ...content
  })
  if (response.ok) return response
  const answer = await response.text()
  if (response.status === 503) return send(program, method, path, body, headers)
  throw new Error(`${method} ${path.slice(0, 100)}: ${response.status} ${answer.slice(0, 300)}`)
}
