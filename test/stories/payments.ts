import { Effect } from "effect"
import type { Scope } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

/** A call of the payment service, and what was answered. */
export interface Call {
  readonly userId: string
  readonly key: string
  readonly status: number
}

export interface PaymentService {
  readonly url: string
  /** Every call, in order. As a real one it makes one charge for one key. */
  readonly calls: ReadonlyArray<Call>
  /** From now on this user's calls are answered by what `answer` says, given how many there were before; 200 otherwise. */
  decide(userId: string, answer: (before: number) => number): void
}

/** The payment service: not ours, on HTTP, and its answers are what the story says. */
export const paymentService: Effect.Effect<PaymentService, never, Scope.Scope> = Effect.gen(function* () {
  const calls: Array<Call> = []
  const decisions = new Map<string, (before: number) => number>()
  const server = createServer((request, response) => {
    let body = ""
    request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk))
    request.on("end", () => {
      const { userId } = JSON.parse(body) as { readonly userId: string }
      const before = calls.filter((call) => call.userId === userId).length
      const key = String(request.headers["idempotency-key"])
      // What it has decided about a key it says again: whoever asked may have been killed before it heard.
      const known = calls.find((call) => call.key === key && call.status !== 503)
      const status = known?.status ?? decisions.get(userId)?.(before) ?? 200
      calls.push({ userId, key, status })
      response.writeHead(status).end()
    })
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  )
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/charges`,
    calls,
    decide: (userId, answer) => void decisions.set(userId, answer)
  }
})
