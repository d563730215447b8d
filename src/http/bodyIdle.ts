import { Effect } from "effect"
import type { IncomingMessage } from "node:http"
import { refuse } from "./problem.ts"
import type { RequestRefused } from "./problem.ts"

/** Whether the request may still send a body. */
export const hasBody = (headers: Readonly<Record<string, string | undefined>>): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0

/** So long a body may bring nothing once the server shuts down, in milliseconds: who sends still is let end. */
const idleAtTheEnd = 1_000

const silence = (source: IncomingMessage, idle: number): Effect.Effect<never, RequestRefused> =>
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

/**
 * Fails once the body has brought nothing for `idle` milliseconds while somebody could have read it; bytes that are here
 * and unread are our own delay. From `draining` on a second will do: a stop should not wait for who sends nothing. Never
 * succeeds: race it with the route.
 */
export const bodyIdle = (
  source: IncomingMessage,
  idle: number,
  draining: Effect.Effect<void>
): Effect.Effect<never, RequestRefused> =>
  Effect.raceFirst(silence(source, idle), Effect.andThen(draining, silence(source, Math.min(idle, idleAtTheEnd))))
