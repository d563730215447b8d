import { Effect, Option } from "effect"
import { Projection } from "../../src/projection/index.ts"
import { Level, move } from "./level.ts"
import { stock } from "./topics.ts"

/** The stock of each SKU that was ever set: the fold that `inventory` keeps, in SQL. The view behind `GET /inventory/{sku}`. */
export const inventoryView = Projection.fold("inventory-view", {
  inbox: stock,
  table: "inventory",
  state: Level,
  fold: (before, { value }) =>
    // Nobody deletes stock.
    Option.isNone(value) ? before : (move(before ?? null, value.value).level ?? undefined)
})

/** As `GET /inventory/{sku}` answers; none where the view does not know the SKU (yet). */
export const findStock = (sku: string) =>
  Effect.map(
    inventoryView.find(sku),
    Option.map(({ available, reserved }) => ({ sku, quantity: available, reserved }))
  )
