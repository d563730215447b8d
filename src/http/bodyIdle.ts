import { Effect } from "effect"
import type { IncomingMessage } from "node:http"
import { refuse } from "./problem.ts"
import type { RequestRefused } from "./problem.ts"

/** Whether the request may still send a body. */
export const hasBody = (headers: Readonly<Record<string, string | undefined>>): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0

/**
 * Fails once the body has brought nothing for `idle` milliseconds while somebody could have read it; bytes that are here
 * and unread are our own delay. Never succeeds: race it with the route.
 */
export const bodyIdle = (source: IncomingMessage, idle: number): Effect.Effect<never, RequestRefused> =>
  Effect.gen(function* () {
    let seen = -1
    let quiet = 0
    while (!source.complete) {
      const bytes = source.socket.bytesRead
      quiet = bytes === seen && source.readableLength === 0 ? quiet + 1 : 0
      if (quiet === 2) return yield* refuse("BodyIdle", "the body stopped coming")
      seen = bytes
      yield* Effect.sleep(idle / 2)
    }
    return yield* Effect.never
  })
