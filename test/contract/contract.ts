import { layer } from "@effect/vitest"
import type { Layer } from "effect"
import { closing } from "./closing.ts"
import { fencing } from "./fencing.ts"
import { groups } from "./groups.ts"
import { readers } from "./readers.ts"
import { records } from "./records.ts"
import { topics } from "./topics.ts"
import { transactions } from "./transactions.ts"
import type { World } from "./world.ts"

const parts = { topics, records, readers, transactions, groups, fencing, closing }

/** What the port promises, as tests; whatever is behind it has to pass them all. The clock is the real one. */
export const contract = (name: string, world: Layer.Layer<World, unknown>): void =>
  layer(world, { excludeTestServices: true, timeout: "60 seconds" })(name, (it) => {
    for (const [part, define] of Object.entries(parts)) it.describe(part, () => define(it))
  })
