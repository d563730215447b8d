import type { Effect, Option } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import type { AnyTopic, Topic } from "./topic.ts"

/** One record of an inbox. A value of none is a tombstone. */
export interface Change<out K, out V> {
  readonly topic: string
  readonly key: K
  readonly value: Option.Option<V>
  readonly offset: number
}

/** What a projection of these topics is given. */
export type ChangeOf<I> =
  I extends ReadonlyArray<infer Each> ? ChangeOf<Each> : I extends Topic<infer K, infer V> ? Change<K, V> : never

/** What a projection is made of, without its types: what the machinery works with. */
export interface ProjectionDefinition {
  readonly table: string
  readonly create: (table: string) => Effect.Effect<unknown, SqlError.SqlError, SqlClient.SqlClient>
  readonly apply: (
    table: string,
    changes: ReadonlyArray<Change<unknown, unknown>>
  ) => Effect.Effect<unknown, SqlError.SqlError, SqlClient.SqlClient>
}

/** A table kept from topics. `R`: what its functions need beside the database. */
export interface Projection<out R> {
  readonly kind: "projection"
  readonly name: string
  readonly inboxes: ReadonlyArray<AnyTopic>
  readonly definition: ProjectionDefinition
  readonly "~R": () => R
}
/** A projection as a node of a topology. */
export interface AnyProjection<out R = any> extends Projection<R> {}

/**
 * Declares a table kept from one topic or several: each record changes it exactly once, since the rows and the next offset
 * are of one SQL transaction.
 *
 * - `create` makes the table. It runs once, in a transaction, before the first record.
 * - `apply` takes records in the order of each partition; records of different partitions and topics come in any order. Where there
 *   are several topics, processes take turns: what it reads is what the last one has written. It runs in a transaction, and again from the same rows after a failure. An `SqlError` that only one record causes (a constraint, a value
 *   the database cannot hold) makes that record a dead letter in `{name}.dead-letters`; any other ends the replica, which is
 *   started anew.
 * - `table` is what both are given: the live table, or the shadow of a rebuild.
 *
 * A record that cannot be decoded, and one without a key, is a dead letter.
 */
export const make = <const I extends AnyTopic | ReadonlyArray<AnyTopic>, R>(
  name: string,
  spec: {
    readonly inbox: I
    readonly table: string
    readonly create: (table: string) => Effect.Effect<unknown, SqlError.SqlError, SqlClient.SqlClient>
    readonly apply: (
      table: string,
      changes: ReadonlyArray<ChangeOf<NoInfer<I>>>
    ) => Effect.Effect<unknown, SqlError.SqlError, R>
  }
): Projection<R> => {
  const { apply, create, inbox, table } = spec
  const inboxes = (Array.isArray(inbox) ? inbox : [inbox]) as ReadonlyArray<AnyTopic>
  return { kind: "projection", name, inboxes, definition: { table, create, apply } } as unknown as Projection<R>
}
