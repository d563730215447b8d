import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Clock, Console, Effect, Option, Schema, Stdio, Stream } from "effect"
import type { ActorStatus } from "../supervision/actors.ts"
import { ActorStatusSchema } from "../supervision/statusSchema.ts"
import { ask } from "./ask.ts"
import type { Way } from "./cure.ts"
import { troublesOf } from "./cures.ts"
import type { Trouble } from "./cures.ts"
import { destination } from "./destination.ts"
import type { DestinationFlags } from "./destination.ts"
import { printable } from "../actor/printable.ts"
import { table } from "./table.ts"

/** `sixfold status`' flags. */
export interface StatusOptions extends DestinationFlags {
  readonly watch: boolean
}

/** Something is failed, stuck or given up; it has been told how to cure it. */
export class NotHealthy extends Schema.TaggedError<NotHealthy>()("NotHealthy", { message: Schema.String }) {}

const every = "2 seconds"

/** `5 s`, `12 min`, `3 h`, `2 d`. */
export const age = (millis: number): string => {
  const seconds = Math.max(0, Math.floor(millis / 1_000))
  if (seconds < 100) return `${seconds} s`
  if (seconds < 6_000) return `${Math.floor(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)} h` : `${Math.floor(seconds / 86_400)} d`
}

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((a, b) => a + b, 0)

const row = ({ deadLetters, kind, name, replicas, state }: ActorStatus, now: number): ReadonlyArray<string> => {
  const partitions = replicas.flatMap(({ partitions }) => partitions)
  const parked = sum(partitions.map(({ parked }) => parked))
  const oldest = Math.min(
    ...partitions.map(({ oldestParked }) => Date.parse(oldestParked ?? "")).filter(Number.isFinite)
  )
  return [
    printable(name),
    kind,
    state,
    kind === "routes" ? "" : String(replicas.filter(({ silentSince }) => silentSince === undefined).length),
    kind === "routes" ? "" : partitions.length === 0 ? "–" : String(sum(partitions.map(({ lag }) => lag))),
    parked === 0 ? "" : `${parked}${oldest === Infinity ? "" : `, oldest ${age(now - oldest)}`}`,
    String(sum(replicas.map(({ restarts }) => restarts)) || ""),
    String(deadLetters || "")
  ]
}

const heading = ["actor", "kind", "state", "replicas", "lag", "parked", "restarts", "dead letters"]

const told = ({ cause, cures, since, what }: Trouble, now: number): ReadonlyArray<string> => {
  const time = since === undefined ? "" : `, since ${printable(since)} (${age(now - Date.parse(since))})`
  const width = Math.max(0, ...cures.map(({ command }) => command.length))
  return [
    "",
    printable(what),
    `  ${printable(cause)}${time}`,
    ...cures.map(({ command, does }) => `  $ ${command.padEnd(width)}  # ${does}`)
  ]
}

/** The whole answer as lines. Pure. */
export const render = (
  actors: ReadonlyArray<ActorStatus>,
  troubles: ReadonlyArray<Trouble>,
  now: number
): ReadonlyArray<string> => [
  ...table([heading, ...actors.map((actor) => row(actor, now))]),
  ...troubles.flatMap((trouble) => told(trouble, now))
]

const actorsAt = (path: ReadonlyArray<string>) => ({
  method: "GET" as const,
  path,
  answer: Schema.Array(ActorStatusSchema)
})

const look = Effect.fnUntraced(function* (options: StatusOptions) {
  const to = yield* destination(options)
  const actors = yield* ask(to, actorsAt(["actors"]))
  const here = yield* ask(to, actorsAt(["health", "actors"]))
  const way: Way = {
    url: to.url,
    isOther: to.url.origin !== "http://127.0.0.1:8080",
    tokenFile: Option.getOrUndefined(options.tokenFile),
    here: new Set(here.flatMap(({ replicas }) => replicas.map(({ instance }) => instance)))
  }
  const troubles = troublesOf(way, actors)
  return { troubles, lines: render(actors, troubles, yield* Clock.currentTimeMillis) }
})

const summary = (troubles: number): string =>
  troubles === 0 ? "all is well" : `${troubles} ${troubles === 1 ? "thing needs" : "things need"} a hand`

/** The same again and again, in one place of a terminal; a server that is away is waited for. Never ends by itself. */
const watch = Effect.fnUntraced(function* (options: StatusOptions) {
  const stdio = yield* Stdio.Stdio
  const isTerminal = yield* stdio.stdoutIsTerminal
  const show = look(options).pipe(
    Effect.map(({ lines, troubles }) => [...lines, "", summary(troubles.length)]),
    Effect.catchTag("RequestFailed", ({ message }) => Effect.succeed([message])),
    Effect.map((lines) => `${isTerminal ? "\u{1b}[H\u{1b}[2J" : ""}${lines.join("\n")}\n${isTerminal ? "" : "\n"}`),
    Effect.flatMap((text) => Stream.run(Stream.make(text), stdio.stdout({ endOnDone: false })))
  )
  return yield* Effect.forever(Effect.andThen(show, Effect.sleep(every)))
})

/**
 * `sixfold status`: every actor of all processes, then whatever is failed, stuck or in the dead letters, with the commands that cure
 * it. Fails with `NotHealthy` where there is anything of that; with `RequestFailed` where the server is away.
 */
export const status = Effect.fnUntraced(function* (options: StatusOptions) {
  if (options.watch) return yield* watch(options)
  const { lines, troubles } = yield* look(options)
  yield* Console.log(lines.join("\n"))
  if (troubles.length > 0) return yield* new NotHealthy({ message: summary(troubles.length) })
}, Effect.provide(NodeHttpClient.layerNodeHttp))
