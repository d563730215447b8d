import { layer } from "@effect/vitest"
import type { Layer } from "effect"
import { aggregation } from "./aggregation.ts"
import { config } from "./config.ts"
import { contacts } from "./contacts.ts"
import { orders } from "./orders.ts"
import { renewals } from "./renewals.ts"
import { sites } from "./sites.ts"
import type { World } from "./world.ts"

/** Minutes a story may take, in the least lucky world and on a busy machine. */
export const limit = 8

export const all = {
  "consume and project: every process answers with the apps of each site as its latest version has them": sites,
  "end-to-end events: who uploads a file watches it to its end, and what was in it is there once": contacts,
  "in-memory key-value store: what is written anywhere is read everywhere, and of those who race one wins": config,
  "schedule and forget: each due time is charged once, whoever is away, and a cancel acts at once": renewals,
  "transactional events: an order is got whole or not at all, and invoices have no gaps": orders,
  "event aggregation: each part of a file counts once, and an import that lacks one says so": aggregation
}

/** The six patterns as stories, in a world: the same text wherever it happens. They happen at the same time. */
export const stories = (name: string, world: Layer.Layer<World>) =>
  layer(world, { concurrent: true, excludeTestServices: true, timeout: `${limit} minutes` })(name, (it) => {
    for (const [told, story] of Object.entries(all)) it.effect(told, () => story, limit * 60_000)
  })
