import { Data, Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { AnyProjection } from "../actor/projection.ts"
import type { KafkaError } from "../kafka/errors.ts"
import type { Kafka } from "../kafka/kafka.ts"
import { partitionId } from "../kafka/records.ts"
import { advance } from "./positions.ts"
import type { Position, Source } from "./positions.ts"

/** Where a rebuild is in one partition. */
export interface Reading {
  readonly position: Position
  readonly source: Source
  /** Where it began. */
  readonly begin: number
  /** What is read and written next. */
  read: number
  /** The end of the log, as known last. */
  end: number
}

/** Whose positions a rebuild's are. */
export const rebuildId = ({ name }: AnyProjection): string => `${name}/rebuild`

/**
 * Makes an empty shadow of the live table; what an earlier rebuild has left is dropped, and that rebuild ends if it still runs.
 * There are two names for it, since indexes and the like keep the names they were made under when their table is renamed:
 * `create` may derive names from `table`, and never meets those of the live table.
 */
export const makeShadow = Effect.fnUntraced(function* (projection: AnyProjection) {
  const sql = yield* SqlClient.SqlClient
  const { definition, name } = projection
  const [first, second] = [`${definition.table}_rebuild`, `${definition.table}_rebuild_2`]
  return yield* sql.withTransaction(
    Effect.gen(function* () {
      yield* sql`DELETE FROM sixfold_offsets WHERE projection = ${rebuildId(projection)}`
      const [live] = yield* sql<{
        table_name: string
      }>`SELECT table_name FROM sixfold_projections WHERE name = ${name}`
      for (const table of [first, second]) yield* sql`DROP TABLE IF EXISTS ${sql(table)}`
      const shadow = live?.table_name === first ? second : first
      yield* definition.create(shadow)
      return shadow
    })
  )
})

interface LiveRow {
  readonly topic: string
  readonly partition_no: number
  readonly cluster_id: string
  readonly topic_id: string
  /** PostgreSQL answers 64 bits as a bigint. */
  readonly next_offset: number | bigint
}

/** The live table has applied records that the shadow has not. */
export class Behind extends Data.TaggedError("Behind") {}

/** The next offsets of the live table, by `topic/partition`, as far as they say something. */
export type LivePlaces = ReadonlyMap<string, number>

/** A position in another log, or beyond the end of this one, says nothing: a rebuild is the cure of both. */
const placesOf = Effect.fnUntraced(function* (
  { topics }: Kafka["Service"],
  live: ReadonlyArray<LiveRow>,
  readings: ReadonlyArray<Reading>
) {
  const known = new Map(
    readings.map((reading) => [partitionId(reading.source.topic, reading.source.partition), reading])
  )
  const places = new Map<string, number>()
  for (const row of live) {
    const [id, next] = [partitionId(row.topic, row.partition_no), Number(row.next_offset)]
    const reading = known.get(id)
    if (reading?.source.clusterId !== row.cluster_id || reading.source.topicId !== row.topic_id) continue
    // A log only grows: its end is asked for anew where the one known says no.
    if (next <= reading.end || next <= (yield* topics.endOffset(reading.source))) places.set(id, next)
  }
  return places
})

/** Where the live table is. */
export const livePlaces = Effect.fnUntraced(function* (
  kafka: Kafka["Service"],
  { name }: AnyProjection,
  readings: ReadonlyArray<Reading>
) {
  const sql = yield* SqlClient.SqlClient
  const live = yield* sql<LiveRow>`SELECT topic, partition_no, cluster_id, topic_id, next_offset
    FROM sixfold_offsets WHERE projection = ${name}`
  return yield* placesOf(kafka, live, readings)
})

/**
 * The shadow becomes the live table, with its positions. The first statement takes the live positions from their owners, who can
 * write no more until this is over, and then take them back as they are now. The last, `bury`, is told where they were. Fails with
 * `Behind`, and changes nothing, where the table would go back in time; with `Fenced` where another rebuild has begun.
 */
export const swap = Effect.fnUntraced(function* (
  kafka: Kafka["Service"],
  projection: AnyProjection,
  shadow: string,
  readings: ReadonlyArray<Reading>,
  bury: (live: LivePlaces) => Effect.Effect<void, KafkaError>
) {
  const sql = yield* SqlClient.SqlClient
  const { definition, name } = projection
  const [id, old] = [rebuildId(projection), `${definition.table}_old`]
  yield* sql.withTransaction(
    Effect.gen(function* () {
      const live = yield* sql<LiveRow>`UPDATE sixfold_offsets SET owner_no = owner_no + 1 WHERE projection = ${name}
        RETURNING topic, partition_no, cluster_id, topic_id, next_offset`
      const places = yield* placesOf(kafka, live, readings)
      for (const { position, read } of readings) {
        if ((places.get(partitionId(position.topic, position.partition)) ?? 0) > read) return yield* new Behind()
        yield* advance(id, position, read)
      }
      yield* sql`ALTER TABLE ${sql(definition.table)} RENAME TO ${sql(old)}`
      yield* sql`ALTER TABLE ${sql(shadow)} RENAME TO ${sql(definition.table)}`
      yield* sql`DROP TABLE ${sql(old)}`
      yield* sql`UPDATE sixfold_projections SET table_name = ${shadow} WHERE name = ${name}`
      for (const { read, source } of readings) {
        yield* sql`INSERT INTO sixfold_offsets
          (projection, topic, partition_no, cluster_id, topic_id, next_offset, owner_no)
          VALUES (${name}, ${source.topic}, ${source.partition}, ${source.clusterId}, ${source.topicId}, ${read}, 1)
          ON CONFLICT (projection, topic, partition_no) DO UPDATE SET cluster_id = excluded.cluster_id,
            topic_id = excluded.topic_id, next_offset = excluded.next_offset, owner_no = sixfold_offsets.owner_no + 1`
      }
      yield* sql`DELETE FROM sixfold_offsets WHERE projection = ${id}`
      yield* bury(places)
    })
  )
})
