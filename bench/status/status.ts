/**
 * From an actor's commit to the browser: how long a status is on its way, by the number of clients that are connected and
 * follow a channel each. Embedded broker in memory, one process, real sockets. Run: `node bench/status/status.ts [statuses]`
 * (default 2,000 spaced by 1 ms). Prints a table and a line of JSON: milliseconds, p50 and p99.
 */
import { Effect } from "effect"
import { connect, makeWorld } from "../../test/status/world.ts"

const statuses = Number(process.argv[2] ?? 2_000)

const percentile = (sorted: ReadonlyArray<number>, share: number) =>
  Number(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!.toFixed(2))

const measure = (clients: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { report, start } = yield* makeWorld
      const { port } = yield* start({ limits: { sockets: clients + 1 } })
      const connected = []
      for (let n = 0; n < clients; n++) {
        const client = yield* connect(port)
        connected.push({ client, channel: (yield* client.expect("channel")).channel })
      }
      const sentAt = new Map<number, number>()
      const [committed, arrived]: [Array<number>, Array<number>] = [[], []]
      for (const { client } of connected) {
        client.socket.on("message", (data: Buffer) => {
          const frame = JSON.parse(data.toString("utf8")) as {
            readonly type: string
            readonly event?: { readonly n: number }
          }
          if (frame.type === "status") arrived.push(performance.now() - sentAt.get(frame.event!.n)!)
        })
      }
      for (let n = 0; n < statuses; n++) {
        const begun = performance.now()
        sentAt.set(n, begun)
        yield* report({ channel: connected[n % clients]!.channel, id: String(n), event: { kind: "bench", n } })
        committed.push(performance.now() - begun)
        yield* Effect.sleep(1)
      }
      while (arrived.length < statuses) yield* Effect.sleep(5)
      const [commit, client] = [committed.toSorted((a, b) => a - b), arrived.toSorted((a, b) => a - b)]
      return {
        clients,
        commitP50: percentile(commit, 0.5),
        commitP99: percentile(commit, 0.99),
        clientP50: percentile(client, 0.5),
        clientP99: percentile(client, 0.99)
      }
    })
  )

const results = await Effect.runPromise(Effect.forEach([1, 100, 1_000], measure))
console.table(results)
console.log(JSON.stringify({ bench: "status", statuses, unit: "ms", results }))
