import { Effect, Metric } from "effect"

const entries = Metric.gauge("sixfold_kv_entries", { description: "Entries of a store in this process' memory" })
const undecodable = Metric.gauge("sixfold_kv_undecodable", {
  description: "Keys whose record is no value of the store's schema"
})

/** Shows a store's size; bound to the store once. */
export const make = (store: string): ((size: number, bad: number) => Effect.Effect<void>) => {
  const size = Metric.withAttributes(entries, { store })
  const bad = Metric.withAttributes(undecodable, { store })
  return (entries, unread) => Effect.andThen(Metric.update(size, entries), Metric.update(bad, unread))
}
