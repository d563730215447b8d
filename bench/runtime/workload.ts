/** What the parts of this benchmark share: topics, messages, actors under measure, and what stands beside them. */
import { Context, Effect, Layer, Logger, Option, Schema } from "effect"
import type { Scope } from "effect"
import { Actor } from "../../src/actor/actor.ts"
import type { AnyActor } from "../../src/actor/actor.ts"
import { Topic } from "../../src/actor/topic.ts"
import * as Topology from "../../src/actor/topology.ts"
import * as Cluster from "../../src/kafka/cluster/cluster.ts"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import { Kafka } from "../../src/kafka/kafka.ts"
import type { Membership, Transactor } from "../../src/kafka/kafka.ts"
import { partitionFor } from "../../src/kafka/partitioner.ts"
import { noHeaders } from "../../src/kafka/records.ts"
import type { Batch, ProducerRecord } from "../../src/kafka/records.ts"
import { Actors } from "../../src/supervision/actors.ts"
import * as Supervision from "../../src/supervision/layer.ts"
import { existsSync, readFileSync } from "node:fs"

export const partitions = 8
export const Value = Schema.Struct({ n: Schema.Int })
const [utf8, text] = [new TextEncoder(), new TextDecoder()]

/** One run's own topics and groups: a broker may remember those before it. */
export interface Place {
  readonly app: string
  readonly inbox: Topic<string, { readonly n: number }>
  readonly outbox: Topic<string, { readonly n: number }>
}
let runs = 0
const newPlace = (): Place => {
  const app = `bench-${process.pid}-${runs++}`
  return {
    app,
    inbox: Topic.make(`${app}-inbox`, { value: Value, partitions }),
    outbox: Topic.make(`${app}-outbox`, { value: Value, partitions })
  }
}

/** The broker in this process, in memory; a real one where `KAFKA_BROKERS` names it. */
const brokers = process.env["KAFKA_BROKERS"]
export const isReal = brokers !== undefined
const broker = brokers === undefined ? Embedded.layerMemory : Cluster.layer({ brokers: brokers.split(",") })

/** On a broker (or topics) of its own. */
export const alone = <A, E>(measure: (place: Place) => Effect.Effect<A, E, Kafka | Scope.Scope>): Promise<A> =>
  Effect.runPromise(
    Effect.suspend(() => measure(newPlace())).pipe(Effect.scoped, Effect.provide([broker, Logger.layer([])]))
  )

export const recordOf = ({ inbox }: Place, key: string, n: number): ProducerRecord => {
  const bytes = utf8.encode(key)
  const partition = partitionFor(bytes, partitions)
  return { topic: inbox.name, partition, key: bytes, value: inbox.codec.encodeValue({ n }), headers: [], timestamp: 0 }
}

/** `count` messages in the inbox; the key of each by its number. */
export const fill = Effect.fnUntraced(function* (place: Place, count: number, keyOf: (n: number) => string) {
  const kafka = yield* Kafka
  yield* kafka.topics.ensure([place.inbox.spec, place.outbox.spec])
  const producer = yield* kafka.producer
  for (let from = 0; from < count; from += 5_000) {
    const numbers = Array.from({ length: Math.min(5_000, count - from) }, (_, i) => from + i)
    yield* producer.send(numbers.map((n) => recordOf(place, keyOf(n), n)))
  }
})

/** What a run took. Other programs disturb `rate` most and `micros` least; only what waits without working shows in the first two alone. */
export interface Cost {
  /** Messages a second, by the clock. */
  readonly rate: number
  /** The same without the time in which the main thread was ready and other programs had the processors. */
  readonly ownRate: number
  /** Processor time of all threads for a message, in microseconds. */
  readonly micros: number
}

/** Milliseconds that this thread has waited for a processor: Linux counts them; elsewhere 0. */
const queued = (): number => {
  const file = "/proc/thread-self/schedstat"
  return existsSync(file) ? Number(readFileSync(file, "utf8").split(" ")[1]) / 1e6 : 0
}

const stopwatch = () => {
  const [start, before, cpu] = [performance.now(), queued(), process.cpuUsage()]
  return (count: number): Cost => {
    const { system, user } = process.cpuUsage(cpu)
    const millis = performance.now() - start
    const rate = (millis: number) => Math.round((count * 1_000) / millis)
    return { rate: rate(millis), ownRate: rate(millis - (queued() - before)), micros: (user + system) / count }
  }
}

/** Starts the actor; answers what is left of its inbox, `Infinity` while that is not known or something is under way. */
export const start = Effect.fnUntraced(function* ({ app }: Place, actor: AnyActor) {
  const topology = Topology.make("bench", actor) as Topology.Topology<Kafka>
  const { status } = Context.get(yield* Layer.build(Supervision.layer(topology, { app })), Actors)
  return () => {
    const owned = status()[1]!.replicas.flatMap(({ partitions }) => partitions)
    const isBusy = owned.length < partitions || owned.some(({ inFlight, parked }) => inFlight + parked > 0)
    return isBusy ? Infinity : owned.reduce((sum, { lag }) => sum + lag, 0)
  }
})

/** The actor on a full inbox, from its start until `isDone`. */
export const run = Effect.fnUntraced(function* (
  place: Place,
  actor: AnyActor,
  count: number,
  isDone: (left: number) => boolean = (left) => left === 0
) {
  const stop = stopwatch()
  const left = yield* start(place, actor)
  while (!isDone(left())) yield* Effect.sleep(2)
  return stop(count)
})

/** Changes its state and emits one record. */
export const summing = ({ inbox, outbox }: Place) =>
  Actor.make("summing", { inbox, emits: [outbox], state: Schema.Int, initial: 0 }).handle({
    message: (state, { n }, turn) => Effect.as(turn.emit(outbox, turn.key, { n }), state + 1)
  })

/** A bare loop of consume, transform and produce: what it needs of the broker. */
export const loop = Effect.fnUntraced(function* ({ app, inbox, outbox }: Place) {
  const kafka = yield* Kafka
  const idle = { beforeJoin: () => Effect.void, assigned: () => Effect.void, lost: () => Effect.void }
  const member = yield* kafka.member({ group: `${app}.bare`, topics: [inbox.name], listener: idle })
  let membership = Option.none<Membership>()
  while (Option.isNone(membership)) {
    yield* Effect.sleep(1)
    membership = yield* member.membership
  }
  const transactor: Transactor = yield* kafka.transactor({ transactionalId: `${app}.bare` })
  const reader = yield* kafka.reader()
  for (let partition = 0; partition < partitions; partition++) {
    yield* reader.seek(
      { topic: inbox.name, partition },
      yield* kafka.topics.beginOffset({ topic: inbox.name, partition })
    )
  }
  const own = membership.value
  /** The same bytes read, parsed, written and committed with their offsets, and nothing else. */
  const copy = Effect.fnUntraced(function* (batches: ReadonlyArray<Batch>) {
    const records = batches.flatMap(({ records }) =>
      records.map(({ key, timestamp, value }): ProducerRecord => {
        const { n } = JSON.parse(text.decode(value!)) as { n: number }
        const partition = partitionFor(key!, partitions)
        const bytes = utf8.encode(JSON.stringify({ n }))
        return { topic: outbox.name, partition, key, value: bytes, headers: noHeaders, timestamp }
      })
    )
    const committed = batches.map(({ nextOffset, partition, topic }) => ({ topic, partition, offset: nextOffset }))
    yield* transactor.commit({ records, offsets: { membership: own, committed } })
    return records.length
  })
  return { reader, copy }
})

export const bare = Effect.fnUntraced(function* (place: Place, count: number) {
  const stop = stopwatch()
  const { copy, reader } = yield* loop(place)
  for (let done = 0; done < count;) done += yield* copy(yield* reader.poll)
  return stop(count)
})

const step = (millis: number) => () => new Promise<void>((resolve) => void setTimeout(resolve, millis))

/** Bare promise chains per key, each step a timer; fed by a loop, or from the inbox with its values parsed. Nothing is committed. */
export const chains = async (count: number, keyOf: (n: number) => string, millis: number): Promise<Cost> => {
  const stop = stopwatch()
  const tails = new Map<string, Promise<void>>()
  for (let n = 0; n < count; n++) {
    const key = keyOf(n)
    tails.set(key, (tails.get(key) ?? Promise.resolve()).then(step(millis)))
  }
  await Promise.all(tails.values())
  return stop(count)
}
export const fedChains = Effect.fnUntraced(function* (place: Place, count: number, millis: number) {
  const stop = stopwatch()
  const { reader } = yield* loop(place)
  const tails = new Map<string, Promise<void>>()
  let sum = 0
  for (let taken = 0; taken < count;) {
    for (const { records } of yield* reader.poll) {
      taken += records.length
      for (const { key, value } of records) {
        sum += (JSON.parse(text.decode(value!)) as { n: number }).n
        const name = text.decode(key!)
        tails.set(name, (tails.get(name) ?? Promise.resolve()).then(step(millis)))
      }
    }
  }
  yield* Effect.promise(() => Promise.all(tails.values()))
  if (sum !== (count * (count - 1)) / 2) return yield* Effect.die(new Error("a message is missing"))
  return stop(count)
})

/** Contestants in turn, `rounds` times and once unmeasured before: by then the code is compiled. Of each its median cost. */
export const inTurns = async <K extends string>(
  rounds: number,
  contestants: Readonly<Record<K, () => Promise<Cost>>>
): Promise<Record<K, Cost>> => {
  const names = Object.keys(contestants) as Array<K>
  const costs = new Map<K, Array<Cost>>(names.map((name) => [name, []]))
  for (let round = 0; round <= rounds; round++) {
    for (const name of names) {
      const cost = await contestants[name]()
      if (round > 0) costs.get(name)!.push(cost)
    }
  }
  const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[values.length >> 1]!
  return Object.fromEntries(
    names.map((name) => {
      const all = costs.get(name)!
      const of = (figure: keyof Cost) => median(all.map((cost) => cost[figure]))
      return [name, { rate: of("rate"), ownRate: of("ownRate"), micros: of("micros") }]
    })
  ) as Record<K, Cost>
}

/** Hundredths. */
export const share = (part: number, whole: number): number => Math.round((part * 100) / whole) / 100
export const tenths = (value: number): number => Math.round(value * 10) / 10
