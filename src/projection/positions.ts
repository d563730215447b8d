import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { AnyProjection } from "../actor/projection.ts"
import type { TopicPartition } from "../kafka/records.ts"
import { Fenced, ProjectionError } from "./errors.ts"

/** Where a projection stands in one partition. */
export interface Position extends TopicPartition {
  /** The next offset as the database has it. */
  stored: number
  /** Counts the owners the partition has had; the present one's number is the fence. */
  readonly owner: number
}

/** The log that a position belongs to. */
export interface Source extends TopicPartition {
  readonly clusterId: string
  readonly topicId: string
}

/**
 * The bookkeeping of all projections of a database, beside their tables. `table_name` is what the live table was made as: a
 * shadow has another name until it is swapped in.
 */
const create = Effect.fnUntraced(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE IF NOT EXISTS sixfold_projections (name text PRIMARY KEY, table_name text NOT NULL)`
  yield* sql`CREATE TABLE IF NOT EXISTS sixfold_offsets (
    projection text NOT NULL, topic text NOT NULL, partition_no integer NOT NULL,
    cluster_id text NOT NULL, topic_id text NOT NULL, next_offset bigint NOT NULL, owner_no bigint NOT NULL,
    PRIMARY KEY (projection, topic, partition_no))`
})

/** Of several that create the same table at once, PostgreSQL refuses all but one: by then it is there. */
export const createTables = () => Effect.retry(create(), { times: 3, while: ({ isRetryable }) => !isRetryable })

/** Runs `create` the first time a projection is seen in this database; whoever comes second waits for the first's commit. */
export const createOnce = Effect.fnUntraced(function* <E, R>(
  projection: string,
  table: string,
  create: Effect.Effect<unknown, E, R>
) {
  const sql = yield* SqlClient.SqlClient
  yield* sql.withTransaction(
    Effect.gen(function* () {
      const row = { name: projection, table_name: table }
      const added =
        yield* sql`INSERT INTO sixfold_projections ${sql.insert(row)} ON CONFLICT (name) DO NOTHING RETURNING name`
      if (added.length > 0) yield* create
    })
  )
})

interface Row {
  readonly cluster_id: string
  readonly topic_id: string
  /** PostgreSQL answers 64 bits as a bigint. */
  readonly next_offset: number | bigint
  readonly owner_no: number | bigint
}

/**
 * Takes a partition over: from here on an earlier owner's transactions fail. Begins at `begin` where the database knows
 * nothing of it.
 */
export const claim = Effect.fnUntraced(function* (projection: string, source: Source, begin: number) {
  const sql = yield* SqlClient.SqlClient
  const { clusterId, partition, topic, topicId } = source
  const [row] = yield* sql<Row>`INSERT INTO sixfold_offsets
    (projection, topic, partition_no, cluster_id, topic_id, next_offset, owner_no)
    VALUES (${projection}, ${topic}, ${partition}, ${clusterId}, ${topicId}, ${begin}, 1)
    ON CONFLICT (projection, topic, partition_no) DO UPDATE SET owner_no = sixfold_offsets.owner_no + 1
    RETURNING cluster_id, topic_id, next_offset, owner_no`
  if (row!.cluster_id !== clusterId || row!.topic_id !== topicId) {
    return yield* new ProjectionError({
      reason: "OtherLog",
      projection,
      message:
        `${topic}/${partition}: the table was made from topic ${row!.topic_id} of cluster ${row!.cluster_id}, ` +
        `this is topic ${topicId} of cluster ${clusterId}: give it another database, or rebuild it`
    })
  }
  return { topic, partition, stored: Number(row!.next_offset), owner: Number(row!.owner_no) } satisfies Position
})

/** The first statement of every transaction: moves the position on, or fails because it is not ours any more. */
export const advance = Effect.fnUntraced(function* (projection: string, position: Position, next: number) {
  const sql = yield* SqlClient.SqlClient
  const { owner, partition, stored, topic } = position
  const moved = yield* sql`UPDATE sixfold_offsets SET next_offset = ${next}
    WHERE projection = ${projection} AND topic = ${topic} AND partition_no = ${partition}
      AND owner_no = ${owner} AND next_offset = ${stored} RETURNING next_offset`
  if (moved.length === 0) return yield* new Fenced({ topic, partition })
})

/**
 * Of several topics two may say something of one row, and their partitions be of two processes: they take turns, so that each
 * finds what the other has written. Until the end of the transaction; behind the positions, as everywhere. SQLite has one writer anyway.
 */
export const takeTurns = ({ inboxes, name }: AnyProjection) =>
  SqlClient.SqlClient.use((sql) =>
    inboxes.length < 2
      ? Effect.void
      : sql.onDialectOrElse({
          pg: () => Effect.asVoid(sql`SELECT 1 FROM sixfold_projections WHERE name = ${name} FOR UPDATE`),
          orElse: () => Effect.void
        })
  )
