import { Clock, Effect, Layer } from "effect"
import { Topology } from "../../src/index.ts"
import { partitionFor } from "../../src/kafka/partitioner.ts"
import type { Draw } from "../../src/testing/simulation/draw.ts"
import type { Scenario } from "../../src/testing/simulation/simulation.ts"
import type { World } from "../../src/testing/simulation/world.ts"
import { check } from "./model.ts"
import { collector, handled, handledLimit, orders, Outside, partitions, settings, shelf, worker } from "./orders.ts"
import type { Order, Sent } from "./orders.ts"

const keys = Array.from({ length: 7 }, (_, n) => `key-${n}`)
/** Keys that only set and cancel a timer: their state is the initial one, always. */
const sleepers = ["sleeper-0", "sleeper-1"]
/** Keys with a timer that comes again and again. */
const drummers = ["drummer-0", "drummer-1"]
const utf8 = new TextEncoder()

/** Of a hundred inputs. */
const mix: ReadonlyArray<readonly [Order["kind"] | "command" | "letter" | "setting", number]> = [
  ["plain", 24],
  ["timer", 11],
  ["flaky", 9],
  ["slow", 7],
  ["command", 8],
  ["letter", 7],
  ["setting", 4],
  ["declined", 4],
  ["held", 4],
  ["defect", 3],
  ["refused", 3],
  ["garbage", 3],
  ["nap", 8],
  ["rise", 2],
  ["drum", 3],
  ["stuck", 1]
]
const tickets = mix.flatMap(([kind, weight]) => Array.from({ length: weight }, () => kind))
const commands = ["pause", "resume", "resume", "skip"] as const
const letterCommands = ["replay", "replay", "replay", "discard"] as const

/** A fresh run: what is sent is remembered for the check. Half of the seeds do without the projection, which costs a third of the time. */
export const scenario = (seed: number): Scenario => {
  const hasTable = seed % 2 === 1
  const sent = new Map<string, Sent>(
    [...keys, ...sleepers, ...drummers].map((key) => [
      key,
      { orders: new Map(), calls: new Map(), skipped: false, paused: false }
    ])
  )
  const owner = new Map<number, Sent>()
  const set = new Map<string, number>()
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

  const order = Effect.fnUntraced(function* (world: World, key: string, kind: Order["kind"], draw: Draw) {
    const order: Order = { id: ids++, kind, n: 1 + draw.below(4) }
    const isMisrouted = draw.chance(0.05)
    const to = sent.get(key)!
    to.orders.set(order.id, order)
    owner.set(order.id, to)
    if (!isMisrouted && kind !== "garbage") return yield* world.send(orders, key, order)
    const bytes = utf8.encode(key)
    const right = partitionFor(bytes, partitions)
    const text = kind === "garbage" ? `garbage ${order.id}` : JSON.stringify(order)
    const record = {
      topic: orders.name,
      partition: isMisrouted ? (right + 1) % partitions : right,
      key: bytes,
      value: utf8.encode(text),
      headers: [],
      timestamp: yield* Clock.currentTimeMillis
    }
    yield* Effect.scoped(Effect.flatMap(world.kafka.producer, (producer) => producer.send([record])))
  })

  /** An operator replays or discards some dead letter, also one that somebody has just commanded. */
  const letter = Effect.fnUntraced(function* (world: World, draw: Draw) {
    const [op, which] = [draw.pick(letterCommands), draw.below(1_000)]
    const letters = yield* world.letters(worker)
    const found = letters[which % Math.max(1, letters.length)]
    // Beyond the limit of replays it is refused.
    if (found !== undefined) yield* Effect.ignore(world.letter(worker, found.id, op))
  })

  return {
    topology: Topology.provide(outside)(
      hasTable ? Topology.make("guarantee", worker, collector, shelf) : Topology.make("guarantee", worker, collector)
    ),
    prepare: ({ kafka }) =>
      kafka.topics.ensure([orders.spec, settings.spec, { ...handled.spec, maxMessageBytes: handledLimit }]),
    send: (world, draw) => {
      const [awake, asleep, drum] = [draw.pick(keys), draw.pick(sleepers), draw.pick(drummers)]
      const kind = draw.pick(tickets)
      const op = draw.pick(commands)
      const key = kind === "nap" || kind === "rise" ? asleep : kind === "drum" ? drum : awake
      if (kind === "letter") return letter(world, draw)
      if (kind === "setting") {
        set.set(key, ids)
        return world.send(settings, key, ids++)
      }
      if (kind !== "command") return order(world, key, kind, draw)
      if (op === "skip") sent.get(key)!.skipped = true
      if (op === "pause") sent.get(key)!.paused = true
      return world.command(worker, key, op)
    },
    tend: (world) => Effect.forEach(keys, (key) => world.command(worker, key, "resume"), { discard: true }),
    check: (world) => check(world, sent, hasTable ? set : undefined)
  }
}
