import { apiVersionsV1, apiVersionsV3, ConnectionPool } from "@platformatic/kafka"
import type { Connection } from "@platformatic/kafka"
import { Data, Effect, Redacted } from "effect"
import type { Scope } from "effect"
import { KafkaError } from "../errors.ts"
import { negotiate } from "./api.ts"
import type { Api, VersionRange } from "./api.ts"
import type { Settings } from "./settings.ts"
import type { Silence } from "./silence.ts"

/** Where a broker listens. */
export interface Broker {
  readonly host: string
  readonly port: number
}

/** A request that got no answer. */
export class ConnectionError extends Data.TaggedError("ConnectionError")<{
  /** Only `away` may be over the next time. */
  readonly kind: "away" | "unauthorized" | "unsupported"
  /** False: the broker cannot have seen the request. */
  readonly sent: boolean
  readonly message: string
  readonly cause?: unknown
}> {}

/**
 * Connections to the brokers, one each. A broker answers the requests of a connection one after the other, so whatever
 * may wait there (fetches, joins, produces) has connections of its own.
 */
export interface Connections {
  request<Input, Output>(broker: Broker, api: Api<Input, Output>, input: Input): Effect.Effect<Output, ConnectionError>
}

export const toKafkaError = (error: ConnectionError): KafkaError =>
  new KafkaError({
    reason: error.kind === "away" ? "Unavailable" : error.kind === "unauthorized" ? "Unauthorized" : "Refused",
    message: error.message,
    cause: error.cause
  })

const causes = function* (error: unknown, depth = 0): Generator<{ code?: unknown; message?: unknown }> {
  if (typeof error !== "object" || error === null || depth > 8) return
  yield error
  yield* causes((error as Error).cause, depth + 1)
  for (const nested of (error as AggregateError).errors ?? []) yield* causes(nested, depth + 1)
}

const tlsTrouble = /^ERR_(TLS|SSL)|^CERT_|^UNABLE_TO_|SELF_SIGNED|^DEPTH_ZERO|^EPROTO$/

/** Settings that have connected once: with them, a handshake that breaks off is a broker going away, not a wrong setting. */
const proven = new WeakSet<Settings>()

const classify = (error: unknown, settings: Settings): ConnectionError["kind"] => {
  for (const { code, message } of causes(error)) {
    if (code === "PLT_KFK_AUTHENTICATION") return "unauthorized"
    if (code === "PLT_KFK_USER" && /TLS|SASL/.test(String(message)))
      return proven.has(settings) ? "away" : "unauthorized"
    if (typeof code === "string" && tlsTrouble.test(code)) return "unauthorized"
  }
  return "away"
}

const because = (error: unknown): string =>
  [...new Set([...causes(error)].map(({ message }) => String(message)))].join(" ")

/** The settings that decide whether a broker lets us in, for people. */
export const securityOf = ({ sasl, tls }: Settings): string =>
  `tls ${tls === undefined ? "off" : "on"}, sasl ${sasl === undefined ? "off" : `${sasl.mechanism} as ${sasl.username}`}`

/** `requestTimeout`, in milliseconds, is how long an answer may take; the connection is given up then. */
export const make = Effect.fnUntraced(function* (
  settings: Settings,
  silence: Silence,
  requestTimeout: number = settings.requestTimeout
): Effect.fn.Return<Connections, never, Scope.Scope> {
  const { sasl } = settings
  const pool = yield* Effect.acquireRelease(
    Effect.sync(
      () =>
        new ConnectionPool(settings.clientId, {
          connectTimeout: Math.min(5_000, requestTimeout),
          requestTimeout,
          ...(settings.tls === undefined ? {} : { tls: settings.tls }),
          ...(sasl === undefined
            ? {}
            : { sasl: { mechanism: sasl.mechanism, username: sasl.username, password: Redacted.value(sasl.password) } })
        })
    ),
    (pool) =>
      Effect.callback<void>((resume) => pool.close(() => resume(Effect.void))).pipe(
        Effect.timeoutOption("2 seconds"),
        Effect.asVoid
      )
  )
  // A socket may report an error more than once; the pool listens to the first only, and an unheard one ends the process.
  pool.on("connecting", ({ connection }) => connection.on("error", () => {}))

  pool.on("connect", () => proven.add(settings))

  const spoken = new WeakMap<Connection, ReadonlyMap<number, VersionRange>>()
  const versionsOf = (
    connection: Connection,
    use: (error: Error | null, ranges?: ReadonlyMap<number, VersionRange>) => void
  ): void => {
    const known = spoken.get(connection)
    if (known !== undefined) return use(null, known)
    const ask = (api: typeof apiVersionsV3.api, otherwise: (error: Error) => void) =>
      api(connection, settings.clientId, "1", (error, response) => {
        if (error !== null) return otherwise(error)
        const ranges = new Map(
          response!.apiKeys.map((api) => [api.apiKey, { min: api.minVersion, max: api.maxVersion }])
        )
        spoken.set(connection, ranges)
        use(null, ranges)
      })
    // A broker that does not know version 3 answers in the oldest format.
    ask(apiVersionsV3.api, (error) =>
      connection.isConnected() ? ask(apiVersionsV1.api, (error) => use(error)) : use(error)
    )
  }

  const request: Connections["request"] = (broker, api, input) =>
    Effect.callback((resume) => {
      const where = `${broker.host}:${broker.port}`
      let sent = false
      const fail = (error: Error, kind = classify(error, settings)) => {
        if (kind === "away") silence.failed(broker)
        resume(
          Effect.fail(
            new ConnectionError({
              kind,
              sent,
              message: `${api.name} to broker ${where} failed: ${because(error)}${kind === "unauthorized" ? ` (${securityOf(settings)})` : ""}`,
              cause: error
            })
          )
        )
      }
      const send = (connection: Connection, ranges: ReadonlyMap<number, VersionRange>) => {
        const range = ranges.get(api.key)
        const spoken = negotiate(api, range, settings.maxVersions[api.name])
        if (spoken === undefined) {
          const theirs = range === undefined ? "none" : `${range.min} to ${range.max}`
          return fail(
            new Error(
              `no common version (ours ${api.versions.map(({ version }) => version).join(", ")}, the broker's ${theirs})`
            ),
            "unsupported"
          )
        }
        sent = true
        spoken.send(connection, input, (error, output) => {
          // The library fails a response that carries error codes; to us it is an answer.
          const answer = error === null ? output : (error as { response?: typeof output }).response
          if (answer === undefined) return fail(error ?? new Error("empty answer"))
          silence.answered(broker)
          resume(Effect.succeed(answer))
        })
      }
      try {
        pool.get(broker, (error, connection) => {
          if (error !== null) return fail(error)
          versionsOf(connection!, (error, ranges) => (error === null ? send(connection!, ranges!) : fail(error)))
        })
      } catch (error) {
        // Thrown before there is a connection: by what is wrong in the settings, and whoever asks again is never answered.
        fail(error instanceof Error ? error : new Error(String(error)), settings.tls ? "unauthorized" : "unsupported")
      }
    })

  return { request }
})
