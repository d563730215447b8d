import { Console, Effect, Option } from "effect"
import type { AnyTopology } from "../actor/topology.ts"
import { plan } from "../supervision/plan.ts"
import type { Selection } from "../supervision/plan.ts"
import { render } from "./render.ts"
import type { Format } from "./render.ts"

/** `--actors` and `--scale` as they were given. */
export interface SelectionFlags {
  readonly actors: Option.Option<ReadonlyArray<string>>
  readonly scale: Option.Option<Readonly<Record<string, number>>>
}

export const selectionOf = ({ actors, scale }: SelectionFlags): Selection => ({
  ...(Option.isSome(actors) ? { actors: actors.value } : {}),
  ...(Option.isSome(scale) ? { scale: scale.value } : {})
})

export const print = Effect.fnUntraced(function* (
  topology: AnyTopology,
  options: SelectionFlags & { readonly format: Format }
) {
  const nodes = yield* Effect.fromResult(plan(topology, selectionOf(options)))
  yield* Console.log(render(options.format, { name: topology.name, nodes }))
})
