import { Option } from "effect"
import { Projection } from "../../src/projection/index.ts"
import { Account, fold } from "./account.ts"
import { charges } from "./topics.ts"

/** Each user's subscription and last charges, from what `renewals` wrote: the view behind `GET /subscriptions/{userId}`. */
export const subscriptionsView = Projection.fold("subscriptions-view", {
  inbox: charges,
  table: "subscriptions",
  state: Account,
  fold: (before, { value }) => (Option.isNone(value) ? before : fold(before, value.value))
})
