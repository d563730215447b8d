/**
 * The actor runtime on the embedded broker in memory, beside what the broker does bare.
 *
 *     node bench/runtime/runtime.ts [--messages 100000]
 *
 * Prints a table and a line of JSON, in messages a second: a handler that does nothing but change its state and emit one record,
 * exactly once, beside a bare consume–transform–produce loop in transactions; a 5 ms handler over 1,000 keys beside bare promise
 * chains per key; cool keys beside a hot one and beside a parked one, each as a share of the same run without it.
 */
import { parseArgs } from "node:util"
import { Context, Effect, Layer, Logger, Option, Schema } from "effect"
import type { Scope } from "effect"
import { Actor } from "../../src/actor/actor.ts"
import type { AnyActor } from "../../src/actor/actor.ts"
import { Topic } from "../../src/actor/topic.ts"
import * as Topology from "../../src/actor/topology.ts"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import type { Membership } from "../../src/kafka/kafka.ts"
import { partitionFor } from "../../src/kafka/partitioner.ts"
import type { ProducerRecord } from "../../src/kafka/records.ts"
import { Actors } from "../../src/supervision/actors.ts"
import * as Supervision from "../../src/supervision/layer.ts"

const { values } = parseArgs({ options: { messages: { type: "string", default: "100000" } } })
const messages = Number(values.messages)

const partitions = 8
const inbox = Topic.make("inbox", { value: Schema.Struct({ n: Schema.Int }), partitions })
const outbox = Topic.make("outbox", { value: Schema.Struct({ n: Schema.Int }), partitions })
const utf8 = new TextEncoder()

/** `count` messages; the key of each by its number. */
const fill = Effect.fnUntraced(function* (count: number, keyOf: (n: number) => string) {
  const kafka = yield* Kafka
  yield* kafka.topics.ensure([inbox.spec, outbox.spec])
  const producer = yield* kafka.producer
  const records: Array<ProducerRecord> = []
  for (let n = 0; n < count; n++) {
    const key = utf8.encode(keyOf(n))
    const value = inbox.codec.encodeValue({ n })
    records.push({ topic: "inbox", partition: partitionFor(key, partitions), key, value, headers: [], timestamp: 0 })
    if (records.length === 5_000 || n === count - 1) yield* producer.send(records.splice(0))
  }
})

/** Messages a second until `isDone`; the actor starts with the inbox full. */
const run = Effect.fnUntraced(function* (actor: AnyActor, count: number, isDone: (lag: number) => boolean) {
  const topology = Topology.make("bench", actor) as Topology.Topology<Kafka>
  const start = performance.now()
  const context = yield* Layer.build(Supervision.layer(topology, { app: "bench" }))
  const { status } = Context.get(context, Actors)
  const lag = () => {
    const owned = status()[1]!.replicas.flatMap(({ partitions }) => partitions)
    return owned.length < partitions || owned.some(({ inFlight }) => inFlight > 0)
      ? Infinity
      : owned.reduce((sum, { lag }) => sum + lag, 0)
  }
  while (!isDone(lag())) yield* Effect.sleep(2)
  return Math.round((count * 1_000) / (performance.now() - start))
})

const alone = <A, E>(effect: Effect.Effect<A, E, Kafka | Scope.Scope>) =>
  effect.pipe(Effect.scoped, Effect.provide([Embedded.layerMemory, Logger.layer([])]))

const summing = Actor.make("summing", { inbox, emits: [outbox], state: Schema.Int, initial: 0 }).handle({
  message: (state, { n }, turn) => Effect.as(turn.emit(outbox, turn.key, { n }), state + 1)
})

const noop = alone(
  Effect.gen(function* () {
    yield* fill(messages, (n) => `key-${n % 10_000}`)
    return yield* run(summing, messages, (lag) => lag === 0)
  })
)

/** The same bytes read, parsed, written and committed with their offsets, and nothing else. */
const bare = alone(
  Effect.gen(function* () {
    yield* fill(messages, (n) => `key-${n % 10_000}`)
    const kafka = yield* Kafka
    const start = performance.now()
    const listener = { beforeJoin: () => Effect.void, assigned: () => Effect.void, lost: () => Effect.void }
    const member = yield* kafka.member({ group: "bare", topics: ["inbox"], listener })
    let membership = Option.none<Membership>()
    while (Option.isNone(membership)) {
      yield* Effect.sleep(1)
      membership = yield* member.membership
    }
    const transactor = yield* kafka.transactor({ transactionalId: "bare" })
    const reader = yield* kafka.reader()
    for (let partition = 0; partition < partitions; partition++) yield* reader.seek({ topic: "inbox", partition }, 0)
    for (let done = 0; done < messages;) {
      const batches = yield* reader.poll
      const records = batches.flatMap(({ records }) =>
        records.map(({ key, timestamp, value }) => {
          const { n } = JSON.parse(new TextDecoder().decode(value!)) as { n: number }
          const partition = partitionFor(key!, partitions)
          return { topic: "outbox", partition, key, value: utf8.encode(JSON.stringify({ n })), headers: [], timestamp }
        })
      )
      const committed = batches.map(({ nextOffset, partition }) => ({ topic: "inbox", partition, offset: nextOffset }))
      yield* transactor.commit({ records, offsets: { membership: membership.value, committed } })
      done += records.length
    }
    return Math.round((messages * 1_000) / (performance.now() - start))
  })
)

/** Every handler takes 5 ms. */
const slowMessages = Math.min(messages, 50_000)
const slow = alone(
  Effect.gen(function* () {
    yield* fill(slowMessages, (n) => `key-${n % 1_000}`)
    const actor = Actor.make("slow", { inbox, state: Schema.Int, initial: 0 }).handle({
      message: (state) => Effect.as(Effect.sleep(5), state + 1)
    })
    return yield* run(actor, slowMessages, (lag) => lag === 0)
  })
)
const chains = Effect.promise(async () => {
  const start = performance.now()
  const tails = new Map<string, Promise<void>>()
  const step = () => new Promise<void>((resolve) => void setTimeout(resolve, 5))
  for (let n = 0; n < slowMessages; n++) {
    const key = `key-${n % 1_000}`
    tails.set(key, (tails.get(key) ?? Promise.resolve()).then(step))
  }
  await Promise.all(tails.values())
  return Math.round((slowMessages * 1_000) / (performance.now() - start))
})

/** Cool messages a second, where every tenth message is of a key that behaves differently; `hot` takes 1 ms a message. */
const beside = (other: "none" | "hot" | "parked") =>
  alone(
    Effect.gen(function* () {
      const isOther = (n: number) => other !== "none" && n % 10 === 0
      yield* fill(messages, (n) => (isOther(n) ? "other" : `key-${n % 10_000}`))
      const cool = Array.from({ length: messages }, (_, n) => n).filter((n) => !isOther(n)).length
      let handled = 0
      const actor = Actor.make("mixed", { inbox, state: Schema.Int, initial: 0 }).handle({
        message: (state, _, turn) => {
          if (turn.key !== "other") return Effect.sync(() => (handled++, state + 1))
          return other === "hot" ? Effect.as(Effect.sleep(1), state + 1) : Effect.die(new Error("away"))
        }
      })
      return yield* run(actor, cool, () => handled >= cool)
    })
  )

const bench = Effect.gen(function* () {
  // Once unmeasured: the code is compiled by then.
  yield* bare
  yield* noop
  const [bareRate, noopRate] = [yield* bare, yield* noop]
  const [slowRate, chainsRate] = [yield* slow, yield* chains]
  const [none, hot, parked] = [yield* beside("none"), yield* beside("hot"), yield* beside("parked")]
  const share = (part: number, whole: number) => Math.round((part * 100) / whole) / 100
  return {
    messages,
    "no-op exactly once /s": noopRate,
    "bare loop /s": bareRate,
    "no-op : bare": share(noopRate, bareRate),
    "5 ms handler, 1,000 keys /s": slowRate,
    "promise chains /s": chainsRate,
    "5 ms : chains": share(slowRate, chainsRate),
    "cool keys alone /s": none,
    "beside a hot key": share(hot, none),
    "beside a parked key": share(parked, none)
  }
})

const result = await Effect.runPromise(bench)
console.table(result)
console.log(JSON.stringify({ bench: "runtime", ...result }))
