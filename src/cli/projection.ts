import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Console, Effect, Schema } from "effect"
import { ask } from "./ask.ts"
import { destination } from "./destination.ts"
import type { DestinationFlags } from "./destination.ts"
import { RequestFailed } from "./request.ts"

/** `sixfold projection`'s arguments. */
export interface ProjectionOptions extends DestinationFlags {
  readonly action: "rebuild"
  readonly name: string
}

const Rebuild = Schema.Struct({
  state: Schema.Literals(["running", "done", "failed"]),
  done: Schema.Int,
  total: Schema.Int
})
const Shown = Schema.Struct({ name: Schema.String, rebuild: Schema.NullOr(Rebuild) })

/** Between two looks at a rebuild. */
const pause = "500 millis"

/**
 * `sixfold projection rebuild`: makes a table anew and follows until it is done. Interrupted, the rebuild goes on in the server.
 * Fails with `RequestFailed` where it fails, or the server is away or refuses.
 */
export const projection = Effect.fnUntraced(function* (options: ProjectionOptions) {
  const { name } = options
  const to = yield* destination(options)
  let { rebuild } = yield* ask(to, { method: "POST", path: ["projections", name, "rebuild"], answer: Shown })
  for (let shown = ""; ;) {
    if (rebuild === null)
      return yield* new RequestFailed({ message: `${name}: the server has begun anew, rebuild again` })
    const { done, state, total } = rebuild
    if (state === "failed") {
      return yield* new RequestFailed({ message: `${name}: the rebuild has failed; the server's log says why` })
    }
    const line = `${name}: ${state === "done" ? "rebuilt" : "rebuilding"}, ${done} of ${total} offsets`
    if (line !== shown && total > 0) yield* Console.log(line)
    if (state === "done") return
    shown = line
    yield* Effect.sleep(pause)
    rebuild = (yield* ask(to, { method: "GET", path: ["projections", name], answer: Shown })).rebuild
  }
}, Effect.provide(NodeHttpClient.layerNodeHttp))
