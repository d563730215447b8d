import { Effect, Result } from "effect"
import { checkout } from "../../../actors/orders/checkout.ts"
import { delivery } from "../../../actors/orders/delivery.ts"
import { inventory } from "../../../actors/orders/inventory.ts"
import { invoicing } from "../../../actors/orders/invoicing.ts"
import type { Level } from "../../../actors/orders/level.ts"
import { checkouts, type Item, stock } from "../../../actors/orders/topics.ts"
import type { Actor, AnyTopic } from "../../../src/index.ts"
import { turn } from "../../../src/testing/index.ts"
import { random } from "../import/random.ts"
import type { Left } from "./model.ts"

interface Message {
  readonly topic: string
  readonly key: string
  readonly value: unknown
}

const inboxes: Readonly<Record<string, Actor<any, any, any, never, never>>> = {
  checkouts: checkout,
  stock: inventory,
  orders: delivery,
  "invoice-requests": invoicing
}

/** What a message may be lost to, in a world that loses some. */
export type Lost = (message: Message) => boolean

export interface WorldOptions {
  readonly seed: number
  /** Messages come again, up to three times, and in any order even under one key. */
  readonly unruly?: boolean
  /** Ends as a dead letter instead of being handled. */
  readonly lost?: Lost
}

/** The four actors without broker and runtime: one message at a time, whose is next the seed decides. */
export const world = ({ lost = () => false, seed, unruly = false }: WorldOptions) => {
  const next = random(seed)
  const inbox = new Map<string, Array<Message>>()
  const states = new Map<string, unknown>()
  const timers = new Map<string, Set<string>>()
  const records: Array<Message> = []
  const reported: Array<unknown> = []
  const placed = new Map<string, ReadonlyArray<Item>>()
  const set = new Map<string, number>()

  const deliver = (message: Message) => {
    records.push(message)
    if (inboxes[message.topic] === undefined || lost(message)) return
    const id = `${message.topic} ${message.key}`
    const queue = inbox.get(id) ?? []
    for (let copies = unruly ? 1 + next(3) : 1; copies > 0; copies--) {
      queue.splice(unruly ? next(queue.length + 1) : queue.length, 0, message)
    }
    inbox.set(id, queue)
  }

  const send = (topic: AnyTopic, key: string, value: unknown) =>
    deliver({
      topic: topic.name,
      key,
      value: Result.getOrThrow(topic.codec.decodeValue(topic.codec.encodeValue(value)))
    })

  const take = Effect.fnUntraced(function* (
    topic: string,
    key: string,
    input: { message: unknown } | { timer: string }
  ) {
    const id = `${topic} ${key}`
    const state = states.has(id) ? { state: states.get(id) } : {}
    const outcome = yield* turn(inboxes[topic]!, { key, ...input, ...state })
    if (outcome.verdict !== "settled") return yield* Effect.die(new Error(`${id}: ${outcome.cause}`))
    states.set(id, outcome.state)
    const due = timers.get(id) ?? new Set()
    for (const [timer, when] of Object.entries(outcome.timers)) {
      if (when === "cancelled") due.delete(timer)
      else due.add(timer)
    }
    timers.set(id, due)
    reported.push(...outcome.reported)
    for (const { key, topic, value } of outcome.emitted) deliver({ topic, key: String(key), value })
  })

  /** One message, or false. */
  const step = Effect.suspend(() => {
    const ready = [...inbox.values()].filter((queue) => queue.length > 0)
    const message = ready[next(Math.max(1, ready.length))]?.shift()
    return message === undefined
      ? Effect.succeed(false)
      : Effect.as(take(message.topic, message.key, { message: message.value }), true)
  })
  const run = Effect.gen(function* () {
    while (yield* step);
  })
  const written = (topic: AnyTopic): ReadonlyArray<readonly [any, any]> =>
    records.filter((record) => record.topic === topic.name).map(({ key, value }) => [key, value])

  return {
    send,
    step,
    run,
    written,
    reported,
    /** Sets the stock, and lets `inventory` know before anything else. */
    stockUp: Effect.fnUntraced(function* (levels: ReadonlyMap<string, number>) {
      for (const [sku, quantity] of levels) {
        set.set(sku, quantity)
        yield* take("stock", sku, { message: { _tag: "Set", quantity } })
        records.push({ topic: "stock", key: sku, value: { _tag: "Set", quantity } })
      }
    }),
    place: (orderId: string, items: ReadonlyArray<Item>, channel?: string) => {
      if (!placed.has(orderId)) placed.set(orderId, items)
      send(checkouts, orderId, { _tag: "Place", userId: "ada", items, ...(channel === undefined ? {} : { channel }) })
    },
    /** Lets a timer fire for every key that has set it. */
    fire: Effect.fnUntraced(function* (actor: { readonly definition: { readonly inbox: AnyTopic } }, timer: string) {
      for (const [id, due] of timers) {
        const { name } = actor.definition.inbox
        if (id.startsWith(`${name} `) && due.delete(timer)) yield* take(name, id.slice(name.length + 1), { timer })
      }
    }),
    state: (actor: { readonly definition: { readonly inbox: AnyTopic } }, key: string) =>
      states.get(`${actor.definition.inbox.name} ${key}`),
    left: (): Left => ({
      placed,
      set,
      levels: new Map([...set.keys()].map((sku) => [sku, states.get(`${stock.name} ${sku}`) as Level])),
      outcomes: written({ name: "order-outcomes" } as AnyTopic),
      invoices: written({ name: "invoices" } as AnyTopic).map(([key, value]) => [Number(key), value]),
      checkouts: written(checkouts)
    })
  }
}
