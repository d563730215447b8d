import { Config, Option } from "effect"
import { Flag } from "effect/cli"

/**
 * Every flag can also be given as an environment variable; the flag wins. Both are text and are parsed by the same rule, and
 * a variable that is empty counts as absent.
 */
const variable = (flag: string): string => `SIXFOLD_${flag.toUpperCase().replaceAll("-", "_")}`

interface Shown {
  readonly metavar: string
  readonly description: string
}

const shown =
  (name: string, { description, metavar }: Shown, fallback: string | undefined) =>
  <A>(flag: Flag.Flag<A>) =>
    flag.pipe(
      Flag.withMetavar(metavar),
      Flag.withDescription(`${description} (${fallback === undefined ? "" : `default ${fallback}; `}${variable(name)})`)
    )

/** Text from the flag, or else from the variable. */
const given = (name: string, spec: Shown, fallback?: string) =>
  Flag.String(name).pipe(shown(name, spec, fallback), Flag.withFallbackConfig(Config.String(variable(name))))

/** Text that is always there. */
export const text = (name: string, { fallback, ...spec }: Shown & { readonly fallback: string }) =>
  given(name, spec, fallback).pipe(Flag.withDefault(fallback))

/** May be given several times; each value, and the variable, may hold several with commas between. */
const list = (name: string, spec: Shown) =>
  Flag.String(name).pipe(
    shown(name, spec, undefined),
    Flag.atLeast(1),
    Flag.withFallbackConfig(Config.map(Config.String(variable(name)), (value) => [value])),
    Flag.map((values) => values.flatMap((value) => value.split(",").map((part) => part.trim())))
  )

export const parsed = <A, B>(parse: (value: A) => B | undefined, expected: string) =>
  Flag.filterMap(
    (value: A) => Option.fromUndefinedOr(parse(value)),
    () => expected
  )

export const whole = (value: string, most: number): number | undefined =>
  /^\d{1,9}$/.test(value) && Number(value) <= most ? Number(value) : undefined

/** What may be part of a group, a transactional id and a member's name. */
const name = (value: string): string | undefined => (/^[A-Za-z0-9_-]{1,64}$/.test(value) ? value : undefined)
const aName = "1 to 64 letters, digits, _ or -"

const webOrigin = (value: string): string | undefined => {
  const url = URL.parse(value)
  return url !== null && /^https?:$/.test(url.protocol) && url.origin === value.replace(/\/$/, "")
    ? url.origin
    : undefined
}

const each = <A>(
  values: ReadonlyArray<string>,
  parse: (value: string) => A | undefined
): ReadonlyArray<A> | undefined => {
  const found = values.map(parse)
  return found.includes(undefined) ? undefined : (found as ReadonlyArray<A>)
}

const replicas = (values: ReadonlyArray<string>): Readonly<Record<string, number>> | undefined => {
  const pairs = each(values, (value) => {
    const [, node, count] = /^([^=]+)=(\d{1,4})$/.exec(value) ?? []
    return node === undefined ? undefined : ([node, Number(count)] as const)
  })
  if (pairs === undefined) return undefined
  const all = Object.fromEntries(pairs)
  // Whoever names one twice means one of the two.
  return Object.keys(all).length === pairs.length ? all : undefined
}

/** A host name or address, an IPv6 one in brackets, and a port. */
const broker = (value: string): string | undefined => {
  const [, port] = /^(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\]):(\d{1,5})$/.exec(value) ?? []
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535 ? value : undefined
}

export const kafka = list("kafka", {
  metavar: "HOST:PORT,…",
  description:
    "Brokers of Apache Kafka or Redpanda; TLS and SASL are set by SIXFOLD_KAFKA_TLS and SIXFOLD_KAFKA_SASL_MECHANISM, " +
    "…_USERNAME, …_PASSWORD. Default: the broker embedded in this process"
}).pipe(
  parsed((values: ReadonlyArray<string>) => each(values, broker), "HOST:PORT, with commas between"),
  Flag.optional
)

export const data = text("data", {
  metavar: "DIR",
  description: "Directory of the embedded broker, the SQLite database and this process's name",
  fallback: "./data"
})

export const database = given("database", {
  metavar: "URL",
  description: "PostgreSQL for the tables of projections, shared by all processes. Default: SQLite in --data"
}).pipe(
  parsed(
    (value: string) => (/^postgres(ql)?:$/.test(URL.parse(value)?.protocol ?? "") ? value : undefined),
    "an address, such as postgres://user:password@host:5432/database"
  ),
  Flag.optional
)

export const host = text("host", {
  metavar: "ADDRESS",
  description: "Address to listen on; other than loopback only with --token-file",
  fallback: "127.0.0.1"
})

export const port = text("port", {
  metavar: "PORT",
  description: "Port to listen on; 0 takes a free one",
  fallback: "8080"
}).pipe(parsed((value: string) => whole(value, 65_535), "a port, 0 to 65535"))

export const actors = list("actors", {
  metavar: "NAME,…",
  description: "What runs in this process; gateway is one of the names. Default: everything"
}).pipe(
  parsed((names: ReadonlyArray<string>) => (names.includes("") ? undefined : names), "names with commas between"),
  Flag.optional
)

export const scale = list("scale", {
  metavar: "NAME=N",
  description: "Replicas of an actor or projection in this process, 0 for none; may be repeated. Default: one of each"
}).pipe(parsed(replicas, "NAME=N, such as renewals=4, each name once"), Flag.optional)

export const app = text("app", {
  metavar: "NAME",
  description: "Prefix of groups and transactional ids, the same in all processes of a cluster: topics have none",
  fallback: "sixfold"
}).pipe(parsed(name, aName))

export const instance = given("instance", {
  metavar: "NAME",
  description: "Name of this process, unlike any other's. Default: one kept in --data"
}).pipe(parsed(name, aName), Flag.optional)

export const tokenFile = given("token-file", {
  metavar: "FILE",
  description: "File that holds the bearer token of the HTTP interface. Default: no token, loopback only"
}).pipe(Flag.optional)

export const channelKeyFile = given("channel-key-file", {
  metavar: "FILE",
  description:
    "File that holds the key of channel ids and tokens, the same for all processes; needed with --kafka. Default: a key kept in --data"
}).pipe(Flag.optional)

export const allowOrigin = list("allow-origin", {
  metavar: "URL",
  description: "Web origin that may write and open sockets beside our own; may be repeated"
}).pipe(
  parsed((values: ReadonlyArray<string>) => each(values, webOrigin), "an origin, such as https://example.com"),
  Flag.optional
)

export const log = text("log", {
  metavar: "pretty|json",
  description: "Form of the log lines",
  fallback: "pretty"
}).pipe(parsed((value: string) => (value === "pretty" || value === "json" ? value : undefined), "pretty or json"))

export const drain = text("drain", {
  metavar: "SECONDS",
  description: "How long a stop may take before it is cut short",
  fallback: "10"
}).pipe(parsed((value: string) => whole(value, 3_600), "seconds, 0 to 3600"))

const onOff = (name: string, description: string) =>
  Flag.Boolean(name).pipe(
    Flag.withDescription(`${description} (${variable(name)}=true)`),
    Flag.withFallbackConfig(Config.Boolean(variable(name))),
    Flag.withDefault(false)
  )

export const create = onOff("create", "Create the topics that are missing. Default: only look")

export const watch = onOff("watch", "Show it anew every 2 seconds, until it is interrupted")

export const all = onOff("all", "Discard all of them")

export const key = given("key", { metavar: "KEY", description: "Only the letters of this key" }).pipe(Flag.optional)

export const id = given("id", { metavar: "ID", description: "Only this letter" }).pipe(
  parsed(
    (value: string) => (/^\d{1,6}-\d{1,15}$/.test(value) ? value : undefined),
    "an id as list shows it, such as 3-17"
  ),
  Flag.optional
)

export const format = text("format", {
  metavar: "tree|json|mermaid",
  description: "How to print it",
  fallback: "tree"
}).pipe(
  parsed(
    (value: string) => (value === "tree" || value === "json" || value === "mermaid" ? value : undefined),
    "tree, json or mermaid"
  )
)

export const url = text("url", {
  metavar: "URL",
  description: "Where the process listens",
  fallback: "http://127.0.0.1:8080"
}).pipe(
  parsed((value: string) => {
    const parsed = URL.parse(value)
    return parsed !== null && /^https?:$/.test(parsed.protocol) ? parsed : undefined
  }, "an address, such as http://127.0.0.1:8080")
)
