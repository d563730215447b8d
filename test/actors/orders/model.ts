import type { Level } from "../../../actors/orders/level.ts"
import type { checkouts, invoices, Item, OrderStatus } from "../../../actors/orders/topics.ts"

/** What a run left behind, however it was run. */
export interface Left {
  /** The first order under each id. */
  readonly placed: ReadonlyMap<string, ReadonlyArray<Item>>
  /** What each SKU was set to, once, before any order. */
  readonly set: ReadonlyMap<string, number>
  readonly levels: ReadonlyMap<string, Level>
  readonly outcomes: ReadonlyArray<readonly [orderId: string, OrderStatus]>
  readonly invoices: ReadonlyArray<readonly [number: number, (typeof invoices)["~value"]]>
  readonly checkouts: ReadonlyArray<readonly [orderId: string, (typeof checkouts)["~value"]]>
}

/** Pieces of each SKU in some orders. */
export const demand = (orders: Iterable<ReadonlyArray<Item>>): ReadonlyMap<string, number> => {
  const pieces = new Map<string, number>()
  for (const items of orders) {
    for (const { quantity, sku } of items) pieces.set(sku, (pieces.get(sku) ?? 0) + quantity)
  }
  return pieces
}

/** One order after the other: who gets everything, when nobody else is under way. */
export const oneByOne = (
  set: ReadonlyMap<string, number>,
  placed: ReadonlyMap<string, ReadonlyArray<Item>>
): ReadonlySet<string> => {
  const left = new Map(set)
  const confirmed = new Set<string>()
  for (const [orderId, items] of placed) {
    const wanted = [...demand([items])]
    if (wanted.some(([sku, quantity]) => quantity > (left.get(sku) ?? 0))) continue
    for (const [sku, quantity] of wanted) left.set(sku, left.get(sku)! - quantity)
    confirmed.add(orderId)
  }
  return confirmed
}

/** The last status of each order. */
export const lastOutcomes = ({ outcomes }: Pick<Left, "outcomes">): ReadonlyMap<string, OrderStatus> =>
  new Map(outcomes)

export const confirmedOf = (left: Pick<Left, "outcomes">): ReadonlySet<string> =>
  new Set([...lastOutcomes(left)].flatMap(([orderId, { state }]) => (state === "confirmed" ? [orderId] : [])))

/** What must not be, whatever was ordered, repeated, reordered or killed; nothing: all is well. */
export const violations = (left: Left): ReadonlyArray<string> => {
  const found: Array<string> = []
  const must = (isSo: boolean, what: () => string) => {
    if (!isSo) found.push(what())
  }
  const last = lastOutcomes(left)
  const confirmed = confirmedOf(left)

  for (const orderId of left.placed.keys()) {
    const status = last.get(orderId)
    const said = left.outcomes.filter(([id]) => id === orderId).map(([, { state }]) => state)
    const told = () => `${orderId} ends as ${JSON.stringify(status)} after ${said.join()}`
    const isEnded =
      status?.state === "confirmed"
        ? status.inventory === "reserved" && status.delivery === "scheduled" && status.invoice !== null
        : status?.state === "rejected" && status.delivery === "cancelled" && status.invoice === null
    must(isEnded, told)
    const changes = said.filter((state, i) => state !== said[i - 1])
    must(changes.length === 2 && changes[0] === "pending", told)
  }
  must(
    [...last.keys()].every((orderId) => left.placed.has(orderId)),
    () => "an outcome of an order that nobody placed"
  )

  const kept = demand([...confirmed].map((orderId) => left.placed.get(orderId) ?? []))
  for (const [sku, set] of left.set) {
    const level = left.levels.get(sku)
    const told = () => `${sku}, set to ${set}, is at ${JSON.stringify(level)}; confirmed are ${kept.get(sku) ?? 0}`
    must(level !== undefined && level.available >= 0 && level.available + level.reserved === set, told)
    must(level?.reserved === (kept.get(sku) ?? 0) && level.open.length === 0, told)
  }
  for (const [sku, pieces] of kept) must(pieces <= (left.set.get(sku) ?? 0), () => `${sku} is oversold`)

  const numbers = left.invoices.map(([number]) => number).toSorted((a, b) => a - b)
  must(
    numbers.every((number, i) => number === i + 1),
    () => `the invoices are ${numbers.join()}`
  )
  must(numbers.length === confirmed.size, () => `${numbers.length} invoices of ${confirmed.size} orders`)
  for (const [number, { orderId, total }] of left.invoices) {
    const items = left.placed.get(orderId) ?? []
    must(last.get(orderId)?.invoice?.number === number, () => `invoice ${number} is not that of ${orderId}`)
    must(total === items.reduce((sum, it) => sum + it.price * it.quantity, 0), () => `invoice ${number} adds up wrong`)
  }
  return found
}

/** Each follower answered once, and what it did once it did once. Holds where nothing but Place is written by others. */
export const repeatedAnswers = ({ checkouts }: Pick<Left, "checkouts">): ReadonlyArray<string> => {
  const seen = new Set<string>()
  return checkouts.flatMap(([orderId, message]) => {
    if (message._tag === "Place") return []
    const what =
      message._tag === "StockDecided" ? message.sku : message._tag === "DeliveryDecided" ? message.outcome : "number"
    const answer = `${orderId} ${message._tag} ${what}`
    if (seen.has(answer)) return [`${answer} twice`]
    seen.add(answer)
    return []
  })
}
