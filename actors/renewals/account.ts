import { Schema } from "effect"
import { type charges, Subscribed } from "./topics.ts"

/** Charges shown of one subscription: the last ones. */
const mostShown = 24

/** A subscription with its last charges, oldest first: what a GET shows. */
export const Account = Schema.Struct({
  ...Subscribed.fields,
  charges: Schema.Array(
    Schema.Struct({
      due: Schema.String,
      state: Schema.Literals(["charged", "retrying", "failed", "cancelled"]),
      attempts: Schema.Int
    })
  )
})
export type Account = typeof Account.Type

/** The account after one more record; none before a user subscribes and after they cancel. */
export const fold = (before: Account | undefined, record: (typeof charges)["~value"]): Account | undefined => {
  if (record._tag === "Cancelled") return undefined
  const known = before?.charges ?? []
  if (record._tag === "Scheduled") return { ...record.subscription, charges: known }
  const { attempts, due, state, subscription } = record
  const index = known.findIndex((charge) => charge.due === due)
  const charge = { due, state, attempts }
  return { ...subscription, charges: index < 0 ? [...known, charge].slice(-mostShown) : known.with(index, charge) }
}
