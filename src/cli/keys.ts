import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Console, Effect, Option, Schema } from "effect"
import { ActorStatusSchema } from "../supervision/statusSchema.ts"
import { keyActions } from "./actions.ts"
import { ask } from "./ask.ts"
import { destination } from "./destination.ts"
import type { DestinationFlags } from "./destination.ts"
import { printable } from "../actor/printable.ts"
import { table } from "./table.ts"
import { UsageError } from "./usage.ts"

/** `sixfold keys`' arguments. */
export interface KeysOptions extends DestinationFlags {
  readonly actor: string
  readonly action: Option.Option<(typeof keyActions)[number]>
  readonly key: Option.Option<string>
}

const Commanded = Schema.Struct({ name: Schema.String, key: Schema.String, op: Schema.Literals(keyActions) })

const list = Effect.fnUntraced(function* (options: KeysOptions) {
  const to = yield* destination(options)
  const { replicas } = yield* ask(to, { method: "GET", path: ["actors", options.actor], answer: ActorStatusSchema })
  const stuck = replicas.flatMap(({ partitions }) => partitions.flatMap(({ stuck }) => stuck ?? []))
  const lines = table(
    stuck.flatMap(({ keys }) =>
      keys.map(({ cause, key, since }) => [printable(JSON.stringify(key)), printable(since), printable(cause)])
    )
  )
  for (const line of lines) yield* Console.log(line)
  const count = stuck.reduce((sum, { count }) => sum + count, 0)
  yield* Console.log(`${count} keys held or paused${count > lines.length ? `, ${lines.length} shown` : ""}`)
})

/**
 * `sixfold keys`: pauses, resumes or skips a key; without an action shows those that are held or paused. Fails with `UsageError` where
 * the key is missing, `RequestFailed` where the server is away or refuses.
 */
export const keys = Effect.fnUntraced(function* (options: KeysOptions) {
  if (Option.isNone(options.action)) return yield* list(options)
  if (Option.isNone(options.key))
    return yield* new UsageError({ message: `${options.action.value}: the key is missing` })
  const [{ actor }, op, key] = [options, options.action.value, options.key.value]
  const to = yield* destination(options)
  yield* ask(to, { method: "POST", path: ["actors", actor, "keys", op], body: { key }, answer: Commanded })
  yield* Console.log(
    `${actor}: ${op} key ${printable(JSON.stringify(key))} is in the log; its owner obeys it in its turn`
  )
}, Effect.provide(NodeHttpClient.layerNodeHttp))
