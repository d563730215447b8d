import { Effect, Option, Result, Schema } from "effect"
import { Actor, Kafka, Log, Topic, Topology } from "../../src/index.ts"
import { partitionFor } from "../../src/kafka/partitioner.ts"
import type { KafkaRecord, TopicPartition } from "../../src/kafka/records.ts"
import { jsonText } from "../../src/actor/topic.ts"
import * as Entry from "../../src/store/entry.ts"
import type { Scenario } from "../../src/testing/simulation/simulation.ts"

/** What one message asks its handler to do. */
const kinds = ["plain", "flaky", "declined", "defect", "slow", "timer"] as const
const Order = Schema.Struct({ id: Schema.Int, kind: Schema.Literals(kinds), n: Schema.Int })
type Order = typeof Order.Type

class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", {}) {}
class Declined extends Schema.TaggedError<Declined>()("Declined", {}) {}

const partitions = 3
const keys = Array.from({ length: 7 }, (_, n) => `key-${n}`)
const timers = ["red", "green"] as const

const orders = Topic.make("orders", { value: Order, partitions })
const handled = Topic.make("handled", { value: Schema.Int, partitions })

/** Everything that took effect for a key, in order: ids, `timer:id`, `dead:id`. */
const Ledger = Schema.Struct({
  ledger: Schema.Array(Schema.String),
  pending: Schema.Record(Schema.String, Schema.Int)
})

const ring = (name: (typeof timers)[number]) => (state: typeof Ledger.Type) =>
  Effect.succeed({ ...state, ledger: [...state.ledger, `timer:${state.pending[name]}`] })

const worker = Actor.make("worker", {
  inbox: orders,
  emits: [handled],
  state: Ledger,
  initial: { ledger: [], pending: {} },
  timers
})
  .handle({
    message: Effect.fnUntraced(function* (state, { id, kind, n }, turn) {
      if (kind === "flaky" && turn.attempt <= n) return yield* new Unavailable()
      if (kind === "declined") return yield* new Declined()
      if (kind === "defect") return yield* Effect.die(new Error("a bug"))
      if (kind === "slow") yield* Effect.sleep(n * 700)
      const name = timers[n % timers.length]!
      if (kind === "timer") yield* turn.set(name, { after: n * 3_000 })
      yield* turn.emit(handled, turn.key, id)
      const pending = kind === "timer" ? { ...state.pending, [name]: id } : state.pending
      return { ledger: [...state.ledger, String(id)], pending }
    }),
    timer: { red: ring("red"), green: ring("green") },
    deadLetter: (state, _letter) => Effect.succeed({ ...state, ledger: [...state.ledger, "dead"] })
  })
  .errors({
    Unavailable: { retry: { base: "2 seconds", factor: 2 }, then: "hold" },
    Declined: "dead-letter"
  })

/** Downstream of the worker: reads committed only, and acts once for each. */
const collector = Actor.make("collector", {
  inbox: handled,
  state: Schema.Array(Schema.Int),
  initial: []
}).handle({ message: (state, id) => Effect.succeed([...state, id]) })

/** A fresh run: what is sent is remembered for the check. */
export const scenario = (): Scenario => {
  const sent = new Map<string, Array<Order>>(keys.map((key) => [key, []]))
  let ids = 0
  return {
    topology: Topology.make("guarantee", worker, collector),
    send: (draw) => {
      const key = keys[draw.below(keys.length)]!
      const [kind, n] = [draw.below(100), draw.below(4)]
      const order: Order = {
        id: ids++,
        n: n + 1,
        kind:
          kind < 55
            ? "plain"
            : kind < 67
              ? "flaky"
              : kind < 72
                ? "declined"
                : kind < 75
                  ? "defect"
                  : kind < 87
                    ? "slow"
                    : "timer"
      }
      sent.get(key)!.push(order)
      return Effect.flatMap(Log, (log) => log.append(orders, key, order))
    },
    check: Effect.gen(function* () {
      const kafka = yield* Kafka
      const found: Array<string> = []
      const letters = yield* readTopic(kafka, "worker.dead-letters")
      const outputs = yield* readTopic(kafka, handled.name)
      const collected = yield* statesOf(kafka, "collector", Schema.Array(Schema.Int))
      const ledgers = yield* statesOf(kafka, "worker", Ledger)
      for (const key of keys) {
        const wrong = (what: string, actual: unknown, expected: unknown) => {
          const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
          if (a !== b) found.push(`${key}: ${what} are ${a}, not ${b}`)
        }
        const orders = sent.get(key)!
        const dead = orders.filter(({ kind }) => kind === "declined" || kind === "defect")
        const alive = orders.filter((order) => !dead.includes(order)).map(({ id }) => id)
        const ledger = ledgers.get(key)?.ledger ?? []
        const effects = ledger.filter((entry) => !entry.startsWith("timer:"))
        const expected = orders.map((order) => (dead.includes(order) ? "dead" : String(order.id)))
        wrong("effects", effects, expected)
        wrong("outputs", outputs.get(key)?.map(({ value }) => Number(text.decode(value!))) ?? [], alive)
        wrong("what was collected", collected.get(key) ?? [], alive)
        wrong(
          "dead letters",
          letters.get(key)?.map(letterOf) ?? [],
          dead.map(({ id }) => id)
        )
        found.push(...timersWrong(key, orders, ledger))
      }
      return found
    })
  }
}

/** A timer that was not set anew takes effect exactly once; one that was set anew, at most once, and before that. */
const timersWrong = (
  key: string,
  orders: ReadonlyArray<Order>,
  ledger: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const found: Array<string> = []
  const set = orders.filter(({ kind }) => kind === "timer")
  for (const [index, { id, n }] of set.entries()) {
    const fired = ledger.filter((entry) => entry === `timer:${id}`).length
    const next = set.slice(index + 1).find((later) => later.n % timers.length === n % timers.length)
    if (fired > 1) found.push(`${key}: timer ${id} took effect ${fired} times`)
    if (fired === 0 && next === undefined) found.push(`${key}: timer ${id} never took effect`)
    if (fired === 1 && next !== undefined && ledger.indexOf(`timer:${id}`) > ledger.indexOf(String(next.id)))
      found.push(`${key}: timer ${id} took effect after it was set anew`)
  }
  const known = new Set(set.map(({ id }) => `timer:${id}`))
  for (const entry of ledger)
    if (entry.startsWith("timer:") && !known.has(entry)) found.push(`${key}: ${entry} was never set`)
  return found
}

/** The id of a dead order; what else is in the dead letters tells of itself. */
const letterOf = ({ headers, value }: KafkaRecord): number | string => {
  const order = orderText.decode(text.decode(value!))
  if (Result.isSuccess(order)) return order.success.id
  return headers.map(([name, header]) => `${name}=${text.decode(header)}`).join(" ")
}

const text = new TextDecoder()
const orderText = jsonText(Order)

const readPartition = Effect.fnUntraced(function* (kafka: Kafka["Service"], at: TopicPartition) {
  const end = yield* kafka.topics.endOffset(at)
  let next = yield* kafka.topics.beginOffset(at)
  const records: Array<KafkaRecord> = []
  if (next >= end) return records
  const reader = yield* kafka.reader()
  yield* reader.seek(at, next)
  while (next < end) {
    // An open transaction that nobody ends any more would hold this for ever.
    const polled = yield* Effect.timeoutOption(reader.poll, "1 minute").pipe(Effect.raceFirst(stalled))
    if (Option.isNone(polled))
      return yield* Effect.die(new Error(`${at.topic}/${at.partition} has an open transaction at ${next} of ${end}`))
    for (const batch of polled.value) {
      records.push(...batch.records)
      next = batch.nextOffset
    }
  }
  return records
}, Effect.scoped)

/** No clock runs during the check: what does not come within many rounds never comes. */
const stalled = Effect.as(Effect.repeat(Effect.yieldNow, { times: 2_000 }), Option.none<never>())

const readTopic = Effect.fnUntraced(function* (kafka: Kafka["Service"], topic: string) {
  const byKey = new Map<string, Array<KafkaRecord>>()
  for (let partition = 0; partition < partitions; partition++) {
    for (const record of yield* readPartition(kafka, { topic, partition })) {
      const key = text.decode(record.key!)
      byKey.set(key, [...(byKey.get(key) ?? []), record])
    }
  }
  return byKey
})

const statesOf = Effect.fnUntraced(function* <S>(
  kafka: Kafka["Service"],
  actor: string,
  schema: Schema.Codec<S, any, never, never>
) {
  const codec = jsonText(schema)
  const states = new Map<string, S>()
  for (const key of keys) {
    const partition = partitionFor(new TextEncoder().encode(key), partitions)
    for (const record of yield* readPartition(kafka, { topic: `${actor}.state`, partition })) {
      const entry = Entry.decodeEntryKey(record.key!)
      if (entry.kind !== Entry.kinds.state || entry.key !== key) continue
      if (record.value === null) states.delete(key)
      else states.set(key, Result.getOrThrow(codec.decode(text.decode(record.value))))
    }
  }
  return states
})
