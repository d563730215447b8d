/**
 * Asks a server for a time, each connection one question after the other (keep-alive, not pipelined), and looks at every byte of
 * every body. A process of its own: `node bench/query/load.ts PORT ROUTE SECONDS CONNECTIONS`. Prints a line of JSON.
 */
import { connect } from "node:net"
import { questions } from "./sites.ts"
import type { Question, Route } from "./sites.ts"

const [port = 0, , seconds = 0, connections = 0] = process.argv.slice(2).map(Number)
const route = process.argv[3] as Route
const all = questions(route)
const requests = all.map(({ path }) => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`)
const expected = all.map(({ body }: Question) => Buffer.from(body))
const headEnd = Buffer.from("\r\n\r\n")

let [answers, wrong, next, stopped] = [0, 0, 0, false]
let firstWrong = ""
const latencies = new Float64Array(4_000_000)
const primes = 7_919

const status = (head: Buffer): number => Number(head.toString("latin1", 9, 12))

/** Questions of one turn of the event loop leave together, as from a busy proxy. */
let waiting: Array<() => void> = []
const soon = (write: () => void) => {
  if (waiting.push(write) > 1) return
  setImmediate(() => {
    const all = waiting
    waiting = []
    for (const each of all) each()
  })
}

const ask = () =>
  new Promise<void>((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true })
    let [rest, index, sentAt]: [Buffer, number, number] = [Buffer.alloc(0), 0, 0]
    const send = () => {
      index = (next++ * primes) % requests.length
      sentAt = performance.now()
      soon(() => socket.write(requests[index]!))
    }
    const read = (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      const end = rest.indexOf(headEnd)
      if (end === -1) return
      const body = expected[index]!
      const length = Number(/content-length: *(\d+)/i.exec(rest.toString("latin1", 0, end))?.[1])
      if (rest.length < end + 4 + length) return
      const isRight = status(rest) === 200 && rest.subarray(end + 4).equals(body)
      if (!isRight && wrong++ === 0) firstWrong = rest.toString("utf8").slice(0, 2_000)
      latencies[answers++ % latencies.length] = performance.now() - sentAt
      rest = Buffer.alloc(0)
      if (stopped) {
        socket.end()
        resolve()
      } else send()
    }
    socket.on("connect", send)
    socket.on("data", read)
    socket.on("error", reject)
    socket.on("close", () => (stopped ? resolve() : reject(new Error("the server closed a connection"))))
  })

const begun = performance.now()
setTimeout(() => (stopped = true), seconds * 1_000)
await Promise.all(Array.from({ length: connections }, ask))
const elapsed = (performance.now() - begun) / 1_000
const sorted = latencies.subarray(0, Math.min(answers, latencies.length)).toSorted()
const at = (share: number) => Number(sorted[Math.floor((sorted.length - 1) * share)]!.toFixed(2))
if (wrong > 0) console.error(`a wrong answer: ${firstWrong}`)
const cpu = process.cpuUsage()
const ownCpu = Number(((cpu.user + cpu.system) / answers).toFixed(1))
console.log(
  JSON.stringify({ answers, wrong, perSecond: Math.round(answers / elapsed), p50: at(0.5), p99: at(0.99), ownCpu })
)
