import { Effect, Option } from "effect"
import type { Kafka, Reader, Transactor } from "../../src/kafka/kafka.ts"
import { TransactionError } from "../../src/kafka/errors.ts"
import { partitionId } from "../../src/kafka/records.ts"
import type { Header, KafkaRecord } from "../../src/kafka/records.ts"
import { Cell } from "../../src/runtime/cell.ts"
import { LettersDone } from "../../src/runtime/letters.ts"
import { Partition } from "../../src/runtime/partition.ts"
import { Window } from "../../src/runtime/window.ts"
import * as Entry from "../../src/store/entry.ts"
import type { WrapSql } from "../../src/testing/simulation/database.ts"
import { partitions } from "./orders.ts"

/** A bug that real systems have had. The simulation has to find each. */
export interface Planted {
  readonly name: string
  /** Between every process and the broker. */
  readonly wrap?: (kafka: Kafka["Service"]) => Kafka["Service"]
  /** Between every process and the database. */
  readonly wrapSql?: WrapSql
  /** In the runtime itself; answers how to take it out again. */
  readonly patch?: () => () => void
}

type Service = Kafka["Service"]

const utf8 = new TextEncoder()
const text = new TextDecoder()

const withTransactor =
  (change: (transactor: Transactor) => Transactor) =>
  (kafka: Service): Service => ({
    ...kafka,
    transactor: (options) => Effect.map(kafka.transactor(options), change)
  })

/** Hides changelog entries of one kind from whoever restores. */
const forgetting =
  (kind: number) =>
  (kafka: Service): Service => {
    const isHidden = ({ key }: KafkaRecord) => key?.[0] === kind
    const hide = (reader: Reader): Reader => ({
      ...reader,
      poll: Effect.map(reader.poll, (batches) =>
        batches.map((batch) =>
          batch.topic.endsWith(".state") ? { ...batch, records: batch.records.filter((it) => !isHidden(it)) } : batch
        )
      )
    })
    return { ...kafka, reader: (options) => Effect.map(kafka.reader(options), hide) }
  }

/** Replaces a method (or getter) of a class until it is taken out. */
const replacing =
  <T extends object>(prototype: T, name: keyof T, descriptor: PropertyDescriptor) =>
  () => {
    const original = Object.getOwnPropertyDescriptor(prototype, name)!
    Object.defineProperty(prototype, name, { ...descriptor, configurable: true })
    return () => {
      Object.defineProperty(prototype, name, original)
    }
  }

/** Hides from whoever reads a changelog what follows a gap in its offsets, until it is read from somewhere else. */
const endingAtGaps = (kafka: Service): Service => {
  const hide = (reader: Reader): Reader => {
    const expected = new Map<string, number>()
    const isBeforeGap = (id: string, { offset }: KafkaRecord) => {
      const next = expected.get(id) ?? offset
      // A marker takes one offset.
      if (offset > next + 1) expected.set(id, -2)
      else if (next >= 0) expected.set(id, offset + 1)
      return expected.get(id)! >= 0
    }
    return {
      ...reader,
      seek: (at, offset) => {
        expected.delete(partitionId(at.topic, at.partition))
        return reader.seek(at, offset)
      },
      poll: Effect.map(reader.poll, (batches) =>
        batches.map((batch) =>
          batch.topic.endsWith(".state")
            ? {
                ...batch,
                records: batch.records.filter((each) => isBeforeGap(partitionId(batch.topic, batch.partition), each))
              }
            : batch
        )
      )
    }
  }
  return { ...kafka, reader: (options) => Effect.map(kafka.reader(options), hide) }
}

/** Changes statements on their way to the database. */
const rewriting =
  (change: (sql: string, params: ReadonlyArray<unknown>) => [string, ReadonlyArray<unknown>]): WrapSql =>
  (connection) => ({
    ...connection,
    execute: (sql, params, transform) => connection.execute(...change(sql, params), transform),
    executeUnprepared: (sql, params, transform) => connection.executeUnprepared(...change(sql, params), transform)
  })

const isEmptyOf = Object.getOwnPropertyDescriptor(Cell.prototype, "empty")!.get as (this: Cell) => boolean

/** What of a partition is private, and a bug would touch. */
type Insides = Pick<Partition, "phase" | "position" | "window"> & {
  readonly finished: ReadonlyArray<{ readonly offset: number }>
}

export const planted: ReadonlyArray<Planted> = [
  {
    name: "settle without the consumed offset",
    wrap: withTransactor(({ commit }) => ({ commit: ({ records }) => commit({ records }) }))
  },
  {
    name: "commit the offset without the state",
    wrap: withTransactor(({ commit }) => ({
      commit: (transaction) =>
        commit({ ...transaction, records: transaction.records.filter(({ key }) => key?.[0] !== Entry.kinds.state) })
    }))
  },
  {
    name: "take an unclear commit for an aborted one",
    wrap: withTransactor(({ commit }) => ({
      commit: (transaction) =>
        Effect.mapError(commit(transaction), (error) =>
          error.outcome === "unclear" ? new TransactionError({ outcome: "aborted", message: error.message }) : error
        )
    }))
  },
  {
    name: "a transactional id of its own for every incarnation",
    wrap: (kafka) => {
      let incarnations = 0
      return {
        ...kafka,
        transactor: (options) =>
          kafka.transactor({ ...options, transactionalId: `${options.transactionalId}.${++incarnations}` })
      }
    }
  },
  {
    name: "skip the drain before a join",
    wrap: (kafka) => ({
      ...kafka,
      member: (options) =>
        kafka.member({ ...options, listener: { ...options.listener, beforeJoin: () => Effect.void } })
    })
  },
  {
    name: "take the changelog's end before the stable offset",
    wrap: (kafka) => {
      const early = new Map<string, number>()
      const changelogs = ["worker.state", "collector.state"].flatMap((topic) =>
        Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
      )
      const look = Effect.forEach(changelogs, (at) =>
        Effect.map(kafka.topics.endOffset(at), (end) => early.set(partitionId(at.topic, at.partition), end))
      )
      return {
        ...kafka,
        member: ({ listener, ...options }) =>
          kafka.member({
            ...options,
            listener: {
              ...listener,
              beforeJoin: (revoked) => Effect.andThen(Effect.ignore(look), listener.beforeJoin(revoked))
            }
          }),
        producer: Effect.map(kafka.producer, (producer) => ({
          send: (records) =>
            Effect.suspend(() => {
              const [barrier] = records
              const id = partitionId(barrier!.topic, barrier!.partition)
              const known = early.get(id)
              early.delete(id)
              return known === undefined ? producer.send(records) : Effect.succeed([known])
            })
        }))
      }
    }
  },
  {
    name: "read what is not committed",
    wrap: (kafka) => ({ ...kafka, reader: () => kafka.reader({ isolation: "uncommitted" }) })
  },
  { name: "forget parked messages", wrap: forgetting(Entry.kinds.parked) },
  { name: "forget timers", wrap: forgetting(Entry.kinds.timer) },
  {
    name: "commit beyond a gap",
    patch: replacing(Window.prototype, "prefix", {
      value(this: { slots: ReadonlyArray<{ done: boolean; next: number }>; head: number }) {
        return this.slots.slice(this.head).findLast(({ done }) => done)?.next
      }
    })
  },
  {
    name: "settle a key's later turn before its earlier one",
    patch: replacing(Partition.prototype, "settleSet", {
      value(this: Insides, limit: number, weight: number) {
        if (this.finished.length === 0 || this.phase === "over" || this.phase === "restoring") return undefined
        const next = this.window.prefix(limit, weight) ?? this.position.next
        const included = this.finished.filter(({ offset }) => offset < next)
        const rest = this.finished.filter(({ offset }) => offset >= next)
        const position = { ...this.position, next, settle: this.position.settle + 1 }
        return included.length === 0 ? undefined : { partition: this, included, rest, position }
      }
    })
  },
  {
    name: "passivate a key that has timers",
    patch: replacing(Cell.prototype, "empty", {
      get(this: Cell): boolean {
        const { timers } = this
        this.timers = undefined
        const isEmpty = isEmptyOf.call(this)
        this.timers = timers
        return isEmpty
      }
    })
  },
  {
    name: "run a key's newest message first",
    patch: replacing(Cell.prototype, "dequeue", {
      value(this: Cell) {
        return this.mailbox.pop()
      }
    })
  },
  {
    name: "replay a dead letter as often as it is asked for",
    patch: replacing(LettersDone.prototype, "has", { value: () => false })
  },
  { name: "forget which dead letters are done with", wrap: forgetting(Entry.kinds.letter) },
  {
    name: "replay under an idempotency key of its own",
    wrap: (kafka) => ({
      ...kafka,
      read: (at) =>
        Effect.map(
          kafka.read(at),
          Option.map((record) => ({
            ...record,
            headers: record.headers.map(([name, value]): Header => [
              name,
              name === "sixfold-idempotency-key" ? utf8.encode(`${at.topic}/${at.partition}/${at.offset}`) : value
            ])
          }))
        )
    })
  },
  { name: "take a gap in a changelog for its end", wrap: endingAtGaps },
  {
    name: "store a timer without what it does about missed times",
    wrap: withTransactor(({ commit }) => ({
      commit: (transaction) =>
        commit({
          ...transaction,
          records: transaction.records.map((record) =>
            record.key?.[0] === Entry.kinds.timer && record.value !== null && record.topic.endsWith(".state")
              ? { ...record, value: utf8.encode(text.decode(record.value).replace(',"missed":"all"', "")) }
              : record
          )
        })
    }))
  },
  {
    name: "write rows and their offset one by one",
    wrapSql: rewriting((sql, params) => (/^(BEGIN|COMMIT|ROLLBACK)/.test(sql) ? ["SELECT 1", []] : [sql, params]))
  },
  {
    name: "write rows although the partition has another owner",
    wrapSql: rewriting((sql, params) => {
      const isAdvance = sql.startsWith("UPDATE sixfold_offsets SET next_offset")
      return isAdvance ? [sql.replace(/AND owner_no[^R]*/, ""), params.slice(0, 4)] : [sql, params]
    })
  }
]
