import { Effect, Layer } from "effect"
import { Topology } from "../../src/index.ts"
import { partitionFor } from "../../src/kafka/partitioner.ts"
import type { Draw } from "../../src/testing/simulation/draw.ts"
import type { Scenario } from "../../src/testing/simulation/simulation.ts"
import type { World } from "../../src/testing/simulation/world.ts"
import { check } from "./model.ts"
import { collector, handled, handledLimit, orders, Outside, partitions, worker } from "./orders.ts"
import type { Order, Sent } from "./orders.ts"

const keys = Array.from({ length: 7 }, (_, n) => `key-${n}`)
/** Keys that only set and cancel a timer: their state is the initial one, always. */
const sleepers = ["sleeper-0", "sleeper-1"]
const utf8 = new TextEncoder()

/** Of a hundred inputs. */
const mix: ReadonlyArray<readonly [Order["kind"] | "command", number]> = [
  ["plain", 30],
  ["timer", 13],
  ["flaky", 11],
  ["slow", 9],
  ["command", 9],
  ["declined", 4],
  ["held", 4],
  ["defect", 3],
  ["refused", 3],
  ["garbage", 3],
  ["nap", 8],
  ["rise", 2],
  ["stuck", 1]
]
const tickets = mix.flatMap(([kind, weight]) => Array.from({ length: weight }, () => kind))
const commands = ["pause", "resume", "resume", "skip"] as const

/** A fresh run: what is sent is remembered for the check. */
export const scenario = (): Scenario => {
  const sent = new Map<string, Sent>(
    [...keys, ...sleepers].map((key) => [key, { orders: new Map(), calls: new Map(), skipped: false }])
  )
  const owner = new Map<number, Sent>()
  let ids = 0
  const outside = Layer.succeed(
    Outside,
    Outside.of({
      call: (order, idempotencyKey) => {
        const { calls } = owner.get(order)!
        calls.set(order, (calls.get(order) ?? new Set()).add(idempotencyKey))
      }
    })
  )

  const order = (world: World, key: string, kind: Order["kind"], draw: Draw) => {
    const order: Order = { id: ids++, kind, n: 1 + draw.below(4) }
    const isMisrouted = draw.chance(0.05)
    const to = sent.get(key)!
    to.orders.set(order.id, order)
    owner.set(order.id, to)
    if (!isMisrouted && kind !== "garbage") return world.send(orders, key, order)
    const bytes = utf8.encode(key)
    const right = partitionFor(bytes, partitions)
    const text = kind === "garbage" ? `garbage ${order.id}` : JSON.stringify(order)
    const record = {
      topic: orders.name,
      partition: isMisrouted ? (right + 1) % partitions : right,
      key: bytes,
      value: utf8.encode(text),
      headers: [],
      timestamp: 0
    }
    return Effect.scoped(Effect.flatMap(world.kafka.producer, (producer) => Effect.asVoid(producer.send([record]))))
  }

  return {
    topology: Topology.provide(outside)(Topology.make("guarantee", worker, collector)),
    prepare: ({ kafka }) => kafka.topics.ensure([orders.spec, { ...handled.spec, maxMessageBytes: handledLimit }]),
    send: (world, draw) => {
      const [awake, sleeper, kind] = [draw.pick(keys), draw.pick(sleepers), draw.pick(tickets)]
      const op = draw.pick(commands)
      const key = kind === "nap" || kind === "rise" ? sleeper : awake
      if (kind !== "command") return order(world, key, kind, draw)
      if (op === "skip") sent.get(key)!.skipped = true
      return world.command(worker, key, op)
    },
    tend: (world) => Effect.forEach(keys, (key) => world.command(worker, key, "resume"), { discard: true }),
    check: (world) => check(world, sent)
  }
}
