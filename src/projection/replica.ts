import { Clock, Deferred, Effect, Semaphore } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { AnyProjection } from "../actor/projection.ts"
import { longer } from "../kafka/away.ts"
import type { KafkaError } from "../kafka/errors.ts"
import { Kafka } from "../kafka/kafka.ts"
import type { Assignment, Member, Reader } from "../kafka/kafka.ts"
import { partitionId } from "../kafka/records.ts"
import type { Batch, TopicPartition } from "../kafka/records.ts"
import { decodeBatch, taken } from "./decode.ts"
import type { Stretch } from "./decode.ts"
import { send } from "./letters.ts"
import type { Fenced, ProjectionError } from "./errors.ts"
import { partitionStatus } from "./partitionStatus.ts"
import * as Positions from "./positions.ts"
import { tell } from "./tell.ts"
import type { Owned, Replica, ReplicaOptions } from "./shape.ts"
import { deadLetterTopic } from "./topics.ts"
import { takeOver, topicIds } from "./takeOver.ts"
import { write } from "./write.ts"
import type { Target } from "./write.ts"

/** The group's offsets only inform (the database's count), so they may lag behind. */
const tellEvery = "5 seconds"

/**
 * One member of a projection's group. Batches of all its partitions are written in one SQL transaction with their next
 * offsets; the database, not the group, says where to go on, and counts owners: one that was overtaken writes nothing.
 */
export const make = Effect.fnUntraced(function* (
  projection: AnyProjection,
  options: ReplicaOptions
): Effect.fn.Return<Replica, never, Kafka> {
  const [kafka, clock] = [yield* Kafka, yield* Clock.Clock]
  const { definition, inboxes, name } = projection
  const died = yield* Deferred.make<never, KafkaError | ProjectionError | SqlError.SqlError>()
  const owned = new Map<string, Owned>()
  /** Held while a transaction is under way, and while ownership changes. */
  const gate = yield* Semaphore.make(1)
  let state: "starting" | "running" | "draining" = "starting"
  let watched: Pick<Reader, "away" | "undecided"> | undefined
  let writingSince: number | undefined
  let [assigned, progress, crashed] = [false, 0, false]

  const take = Effect.fnUntraced(function* (reader: Reader, at: TopicPartition, ids: ReadonlyMap<string, string>) {
    const { end, position, read } = yield* takeOver(kafka, projection, name, at, ids)
    owned.set(partitionId(at.topic, at.partition), {
      topic: inboxes.find((topic) => topic.name === at.topic)!,
      position,
      begin: read,
      read,
      end,
      turns: 0,
      told: -1
    })
    yield* reader.seek(at, read)
    progress++
  })

  const drop = (reader: Reader, at: TopicPartition) =>
    Effect.andThen(
      reader.stop(at),
      Effect.sync(() => owned.delete(partitionId(at.topic, at.partition)))
    )

  /**
   * Markers and control records change no row, so their offsets are stored only here, sparingly: left behind for long, they would
   * look like records that retention has deleted before they were applied.
   */
  const storeGaps = (target: Target, reader: Reader, member: Member) =>
    Effect.suspend(() => {
      const behind = [...owned.values()].filter(({ position, read }) => read > position.stored)
      return writePieces(
        target,
        reader,
        member,
        behind.map((mine) => ({ mine, stretch: { ...nothing, next: mine.read } }))
      )
    })

  const tellNews = (member: Member) =>
    Effect.suspend(() => {
      const news = [...owned.values()].filter(({ read, told }) => read > told)
      return news.length === 0 ? Effect.void : tell(member, news)
    })

  /**
   * Somebody else has taken a partition, or rebuilt the table. The group knows: a member that it still has takes the
   * partition back, one that it has given up has lost it.
   */
  const overtaken = Effect.fnUntraced(function* (reader: Reader, member: Member, { partition, topic }: Fenced) {
    const lost = owned.get(partitionId(topic, partition))
    if (lost === undefined) return
    yield* Effect.logWarning(`${name}: ${topic}/${partition} has another owner`)
    const isOurs = yield* tell(member, [lost])
    if (isOurs) yield* take(reader, { topic, partition }, yield* topicIds(kafka, [topic]))
    else yield* drop(reader, { topic, partition })
  })

  const writePieces = Effect.fnUntraced(function* (
    target: Target,
    reader: Reader,
    member: Member,
    pieces: ReadonlyArray<{ readonly mine: Owned; readonly stretch: Stretch }>
  ) {
    if (pieces.length === 0) return
    const all = pieces.map(({ mine: { position }, stretch }) => ({ position, stretch }))
    yield* Effect.matchEffect(write(target, all), {
      onSuccess: () => Effect.sync(() => pieces.forEach(({ mine, stretch }) => taken(mine, stretch))),
      onFailure: (error) =>
        error._tag !== "ProjectionFenced"
          ? Effect.fail(error)
          : Effect.gen(function* () {
              for (const { mine } of pieces) {
                mine.read = Math.max(mine.begin, mine.position.stored)
                yield* reader.seek(at(mine.position), mine.read)
              }
              yield* overtaken(reader, member, error)
            })
    })
    progress++
  })

  const writeAll = Effect.fnUntraced(function* (
    target: Target,
    reader: Reader,
    member: Member,
    batches: ReadonlyArray<Batch>
  ) {
    const pieces: Array<{ readonly mine: Owned; readonly stretch: Stretch }> = []
    for (const batch of batches) {
      const mine = owned.get(partitionId(batch.topic, batch.partition))
      // Polled for an ownership that is over: the present one, if there is one, goes on from its own offset.
      if (mine !== undefined && batch.fromOffset !== mine.read) yield* reader.seek(batch, mine.read)
      if (batch.fromOffset !== mine?.read) continue
      mine.end = batch.endOffset
      const stretch = decodeBatch(mine.topic, batch)
      if (stretch.changes.length + stretch.refusals.length > 0) pieces.push({ mine, stretch })
      else mine.read = stretch.next
    }
    progress++
    yield* writePieces(target, reader, member, pieces)
  })

  const run: Replica["run"] = Effect.scoped(
    Effect.gen(function* () {
      yield* kafka.topics.ensure([...inboxes.map(({ spec }) => spec), deadLetterTopic(projection)])
      yield* Positions.createTables()
      yield* Positions.createOnce(name, definition.table, definition.create(definition.table))
      const producer = yield* kafka.producer
      const reader = yield* kafka.reader()
      const services = yield* Effect.context<SqlClient.SqlClient>()
      const target: Target = {
        projection,
        id: name,
        table: definition.table,
        bury: send(projection, producer)
      }
      yield* Effect.addFinalizer(() => Effect.sync(() => owned.clear()))
      const change = ({ added, owned: all }: Assignment) =>
        Effect.gen(function* () {
          const fresh = [...added, ...all.filter((each) => !owned.has(partitionId(each.topic, each.partition)))]
          const distinct = new Map(fresh.map((each) => [partitionId(each.topic, each.partition), each]))
          const ids = yield* topicIds(
            kafka,
            fresh.map(({ topic }) => topic)
          )
          for (const each of distinct.values()) yield* take(reader, each, ids)
          assigned = true
        })
      const member = yield* kafka.member({
        group: `${options.app}.${name}`,
        topics: inboxes.map((topic) => topic.name),
        listener: {
          beforeJoin: (revoked) =>
            gate.withPermit(Effect.forEach(revoked, (each) => drop(reader, each), { discard: true })),
          assigned: (assignment) =>
            gate.withPermit(change(assignment)).pipe(
              Effect.provideContext(services),
              Effect.catchCause((cause) => Effect.asVoid(Deferred.failCause(died, cause)))
            ),
          // Not behind the gate: whatever is under way is fenced by the new owner.
          lost: (partitions) => Effect.forEach(partitions, (each) => drop(reader, each), { discard: true })
        }
      })
      watched = { away: () => longer(member.away(), reader.away()), undecided: reader.undecided }
      const news = Effect.andThen(storeGaps(target, reader, member), tellNews(member)).pipe(
        Effect.provideContext(services),
        Effect.uninterruptible
      )
      // Before the member leaves: the transaction under way ends, and the group hears where we are.
      yield* Effect.addFinalizer(() => {
        if (crashed) return Effect.void
        state = "draining"
        return Effect.ignore(gate.withPermit(news))
      })
      state = "running"

      const poll = Effect.flatMap(reader.poll, (batches) => {
        writingSince = clock.currentTimeMillisUnsafe()
        return gate
          .withPermit(Effect.uninterruptible(writeAll(target, reader, member, batches)))
          .pipe(Effect.ensuring(Effect.sync(() => void (writingSince = undefined))))
      })
      return yield* Effect.raceAllFirst([
        Effect.forever(poll),
        Effect.forever(Effect.andThen(Effect.sleep(tellEvery), gate.withPermit(news))),
        member.failed,
        Deferred.await(died)
      ])
    })
  )

  const busy = Effect.gen(function* () {
    if (state !== "running" || !assigned || writingSince !== undefined) return true
    for (const { position, read } of owned.values()) {
      if (read < (yield* kafka.topics.endOffset(at(position)))) return true
    }
    return false
  })

  return {
    run,
    busy,
    progress: () => progress,
    status: () => ({
      state,
      away: watched?.away(),
      partitions: Array.from(owned.values(), (each) =>
        partitionStatus(
          each,
          { table: definition.table, since: writingSince },
          watched?.undecided(each.position),
          clock.currentTimeMillisUnsafe()
        )
      )
    }),
    crash: Effect.suspend(() => {
      crashed = true
      return Effect.asVoid(Deferred.die(died, new Error(`${name}: crashed on request`)))
    })
  }
})

const nothing = { changes: [], records: [], refusals: [] }

const at = ({ partition, topic }: TopicPartition): TopicPartition => ({ topic, partition })
