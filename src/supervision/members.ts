import { Clock, Deferred, Effect, Result, Schedule, Schema } from "effect"
import type { Scope } from "effect"
import { jsonText } from "../actor/topic.ts"
import type { KafkaError } from "../kafka/errors.ts"
import { Kafka } from "../kafka/kafka.ts"
import type { Producer, TopicSpec } from "../kafka/kafka.ts"
import { partitionFor } from "../kafka/partitioner.ts"
import { noHeaders } from "../kafka/records.ts"
import type { Batch } from "../kafka/records.ts"
import type { Database } from "../projection/identity.ts"
import type { ActorStatus } from "./actors.ts"
import type { Place } from "./children.ts"
import { Roster } from "./roster.ts"
import type { Told } from "./roster.ts"
import { ActorStatusSchema } from "./statusSchema.ts"

/** What each process runs, keyed by its instance; a tombstone at its clean stop. */
export const membersTopic: TopicSpec = { name: "sixfold.members", partitions: 12, cleanup: "compact" }

const DatabaseSchema = Schema.Struct({ id: Schema.String, name: Schema.String })

/** A value of the topic. Processes of several applications may share a broker. */
const codec = jsonText(
  Schema.Struct({
    app: Schema.String,
    actors: Schema.Array(ActorStatusSchema),
    database: Schema.optionalKey(DatabaseSchema)
  })
)

/**
 * Another process of this application keeps its tables in another database: each would have the rows of its own partitions
 * only, and answer as if there were no others.
 */
export class OtherDatabase extends Schema.TaggedError<OtherDatabase>()("OtherDatabase", {
  message: Schema.String
}) {}

/** How often this process looks whether something has changed, and how often it tells that nothing has. */
const look = "1 second"
const heartbeat = 10_000
/** More would not fit into a record: then without the partitions. */
const mostBytes = 900_000
const patience = Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("10 seconds")])

const utf8 = new TextEncoder()
const text = new TextDecoder()

/** The other processes of this application, as they tell. */
export interface Members {
  others(): ReadonlyArray<Told>
}

export interface MembersOptions extends Place {
  /** What runs here. */
  readonly status: () => ReadonlyArray<ActorStatus>
  /** Where the tables are that this process writes or reads; none where it does neither. */
  readonly database?: Database | undefined
}

/** What is told at once when it changes. Lag and counts change all the time. */
const digest = (actors: ReadonlyArray<ActorStatus>): string =>
  JSON.stringify(
    actors.map(({ name, replicas, state }) => [
      name,
      state,
      replicas.map(({ partitions, restarts, state, trouble }) => [
        state,
        restarts,
        trouble,
        partitions.map(({ held, partition, stuck, topic }) => [topic, partition, held?.key, stuck?.keys])
      ])
    ])
  )

const encoded = ({ app, database }: MembersOptions, actors: ReadonlyArray<ActorStatus>): Uint8Array => {
  const own = { app, ...(database && { database }) }
  const running = actors.filter(
    ({ kind, replicas, state }) => replicas.length > 0 || (kind === "routes" && state === "running")
  )
  const bytes = utf8.encode(codec.encode({ ...own, actors: running }))
  if (bytes.length <= mostBytes) return bytes
  const short = running.map((actor) => ({
    ...actor,
    replicas: actor.replicas.map((replica) => ({ ...replica, partitions: [] }))
  }))
  return utf8.encode(codec.encode({ ...own, actors: short }))
}

/** What is no status, or one of another version, is not believed. */
const decoded = (value: Uint8Array) =>
  Result.getOrUndefined(
    Result.flatMap(
      Result.try(() => codec.decode(text.decode(value))),
      (it) => it
    )
  )

const send = Effect.fnUntraced(function* (producer: Producer, instance: string, value: Uint8Array | null) {
  const key = utf8.encode(instance)
  const timestamp = Math.floor(yield* Clock.currentTimeMillis)
  const at = { topic: membersTopic.name, partition: partitionFor(key, membersTopic.partitions) }
  yield* producer.send([{ ...at, key, value, headers: noHeaders, timestamp }])
})

/** Tells at every change, and every few seconds. */
const telling = Effect.fnUntraced(function* (producer: Producer, options: MembersOptions) {
  const { instance, status } = options
  let [last, toldAt] = ["", -Infinity]
  while (true) {
    const [actors, now] = [status(), yield* Clock.currentTimeMillis]
    const seen = digest(actors)
    if (seen !== last || now - toldAt >= heartbeat) {
      yield* send(producer, instance, encoded(options, actors))
      last = seen
      toldAt = now
    }
    yield* Effect.sleep(look)
  }
})

/**
 * Reads what the others tell, from the beginning. What was there before is as old as it says; what comes later is heard now,
 * whatever the other's clock.
 */
const listening = Effect.fnUntraced(function* (
  roster: Roster,
  { app, instance }: Place,
  level: Deferred.Deferred<void>
) {
  const kafka = yield* Kafka
  const reader = yield* kafka.reader({ maxBytes: 262_144 })
  const ends = new Map<number, number>()
  const unread = new Set<number>()
  for (let partition = 0; partition < membersTopic.partitions; partition++) {
    const at = { topic: membersTopic.name, partition }
    const [begin, end] = [yield* kafka.topics.beginOffset(at), yield* kafka.topics.endOffset(at)]
    ends.set(partition, end)
    if (begin < end) unread.add(partition)
    yield* reader.seek(at, begin)
  }
  const take = ({ nextOffset, partition, records }: Batch, now: number) => {
    for (const { key, offset, timestamp, value } of records) {
      if (key === null || text.decode(key) === instance) continue
      const heardAt = offset < ends.get(partition)! ? Math.min(timestamp, now) : now
      const told = value === null ? undefined : decoded(value)
      if (value === null || told?.app === app) roster.heard(text.decode(key), told, heardAt)
    }
    if (nextOffset >= ends.get(partition)!) unread.delete(partition)
  }
  while (true) {
    if (unread.size === 0) yield* Deferred.succeed(level, undefined)
    const batches = yield* reader.poll
    const now = yield* Clock.currentTimeMillis
    for (const batch of batches) take(batch, now)
  }
})

/** Of two that begin at once each tells before it reads: at least one of them hears of the other. */
const refuseOther = Effect.fnUntraced(function* (roster: Roster, own: Database) {
  const other = roster.elsewhere(own.id, yield* Clock.currentTimeMillis)
  if (other === undefined) return
  const { instance, name } = other
  return yield* new OtherDatabase({
    message:
      `this process keeps its tables in ${own.name}, process ${instance} of the same application in ${name}: ` +
      `give both the same --database`
  })
})

/**
 * Tells what runs here, and hears what runs elsewhere, for as long as the scope lives; at its end says that it has stopped. A broker
 * that is away is waited for. Fails where another process runs on another database.
 */
export const make = Effect.fnUntraced(function* (
  options: MembersOptions
): Effect.fn.Return<Members, KafkaError | OtherDatabase, Kafka | Scope.Scope> {
  const clock = yield* Clock.Clock
  const roster = new Roster()
  const level = yield* Deferred.make<void>()
  const producer = yield* (yield* Kafka).producer
  const persistent = <A, R>(effect: Effect.Effect<A, KafkaError, R>) =>
    effect.pipe(
      Effect.tapError((error) => Effect.logWarning(`${membersTopic.name}: begins anew`, error.message)),
      Effect.retry(patience)
    )
  yield* Effect.addFinalizer(() => Effect.ignore(Effect.timeout(send(producer, options.instance, null), "2 seconds")))
  if (options.database !== undefined) yield* persistent(send(producer, options.instance, encoded(options, [])))
  yield* Effect.forkScoped(persistent(Effect.scoped(listening(roster, options, level))))
  if (options.database !== undefined) {
    yield* Deferred.await(level)
    yield* refuseOther(roster, options.database)
  }
  yield* Effect.forkScoped(persistent(telling(producer, options)))
  return { others: () => roster.others(clock.currentTimeMillisUnsafe()) }
})
