import type { Item } from "../../../actors/orders/topics.ts"

type Next = (below: number) => number

export const skus = ["ant", "bee", "cat", "dog"] as const

/** A few items, the same SKU now and then twice. */
export const randomItems = (next: Next): ReadonlyArray<Item> =>
  Array.from({ length: 1 + next(4) }, () => ({
    sku: skus[next(skus.length)]!,
    quantity: 1 + next(3),
    price: next(1_000)
  }))

export const randomOrders = (next: Next, count: number): ReadonlyMap<string, ReadonlyArray<Item>> =>
  new Map(Array.from({ length: count }, (_, n) => [`order-${n}`, randomItems(next)]))

/** Enough for some of the orders. */
export const randomStock = (next: Next, most: number): ReadonlyMap<string, number> =>
  new Map(skus.map((sku) => [sku, next(most + 1)]))
