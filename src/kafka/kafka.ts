import { Context } from "effect"
import type { Effect, Option, Scope } from "effect"
import type { Away } from "./away.ts"
import type { KafkaError, TransactionError } from "./errors.ts"
import type { Batch, KafkaRecord, ProducerRecord, RecordPosition, TopicPartition } from "./records.ts"
import type { Undecided } from "./undecided.ts"

/** A topic as declared. */
export interface TopicSpec {
  readonly name: string
  readonly partitions: number
  readonly cleanup: "delete" | "compact" | "compact,delete"
  /** Milliseconds a record is kept where `cleanup` deletes; absent: for ever. */
  readonly retention?: number
  /** Largest record batch, in bytes. Default 1 MiB (1,048,588 with the batch's overhead, as Kafka's own). */
  readonly maxMessageBytes?: number
}

/** A topic as the broker has it. */
export interface TopicDescription extends TopicSpec {
  /** Unique per creation: a topic that was deleted and made again has another one. */
  readonly id: string
}

/** A difference between a declaration and the broker, for people: `expected` and `actual` are printable. */
export interface TopicDifference {
  readonly topic: string
  readonly setting: string
  readonly expected: string
  readonly actual: string
}

/**
 * Topic administration.
 */
export interface Topics {
  /**
   * Creates what is missing. Fails with `TopicMismatch` when an existing topic has another number of partitions or
   * another clean-up policy; other differences are only reported by `differences`.
   */
  ensure(topics: ReadonlyArray<TopicSpec>): Effect.Effect<void, KafkaError>
  /** What exists of the names; a missing one is left out. */
  describe(names: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<TopicDescription>, KafkaError>
  differences(topics: ReadonlyArray<TopicSpec>): Effect.Effect<ReadonlyArray<TopicDifference>, KafkaError>
  /** The first offset still in the log. */
  beginOffset(partition: TopicPartition): Effect.Effect<number, KafkaError>
  /** The high watermark: one past the last record or marker, also of transactions still open. */
  endOffset(partition: TopicPartition): Effect.Effect<number, KafkaError>
  /** The first offset whose timestamp is at or after `time` (milliseconds since the epoch); the high watermark where there is none. */
  offsetAt(partition: TopicPartition, time: number): Effect.Effect<number, KafkaError>
}

/** An idempotent producer (acks=all): what it acknowledges is in the log once, in the order sent per partition. */
export interface Producer {
  /**
   * Writes the records and waits until all are acknowledged; answers their offsets in the order given. Concurrent sends
   * are batched together. Waits while its buffer is full. After a failure some of the records may have been written.
   */
  send(records: ReadonlyArray<ProducerRecord>): Effect.Effect<ReadonlyArray<number>, KafkaError>
}

/** What a group member commits: the next offset to read, per partition. */
export interface CommittedOffset extends TopicPartition {
  readonly offset: number
}

/** A member as the group knows it at one moment: the fence of its commits (KIP-447). */
export interface Membership {
  readonly group: string
  readonly memberId: string
  readonly generation: number
}

/** Records, and the offsets they were made from. */
export interface Transaction {
  readonly records: ReadonlyArray<ProducerRecord>
  readonly offsets?: {
    readonly membership: Membership
    readonly committed: ReadonlyArray<CommittedOffset>
  }
}

/** Commits one-shot transactions, one at a time. */
export interface Transactor {
  /** All records and offsets become visible together, or none. Must not be called while an earlier call is open. */
  commit(transaction: Transaction): Effect.Effect<void, TransactionError>
}

/** Reads partitions without a group. Not started partitions are not read. Polls must not overlap. */
export interface Reader {
  /** Begins (or moves) reading a partition at an offset; what was fetched from elsewhere is dropped. */
  seek(partition: TopicPartition, offset: number): Effect.Effect<void>
  /** Stops reading the partition. */
  stop(partition: TopicPartition): Effect.Effect<void>
  /** Holds the partition back; what is fetched already stays and comes after `resume`. */
  pause(partition: TopicPartition): Effect.Effect<void>
  resume(partition: TopicPartition): Effect.Effect<void>
  /**
   * Waits until some partition has something, then answers with at most `maxBytes` of it, but at least one record (embedded: one
   * stored batch, up to 64 KiB), at most one batch per partition. Unreachable brokers are waited for. Fails with `OffsetOutOfRange` (named with what is left),
   * `TopicMissing`, `CorruptBatch` or `Unauthorized`.
   */
  readonly poll: Effect.Effect<ReadonlyArray<Batch>, KafkaError>
  /** Whether some partition cannot be read at present because nobody who leads it answers. */
  away(): Away | undefined
  /** What an open transaction keeps back of a partition. */
  undecided(partition: TopicPartition): Undecided | undefined
}

export interface ReaderOptions {
  /** Default `committed`: aborted and still open transactions are invisible. */
  readonly isolation?: "committed" | "uncommitted"
  /** Per poll, of the records as they are when decompressed. Default 1 MiB. */
  readonly maxBytes?: number
}

/** What a member owns after a sync. */
export interface Assignment {
  readonly membership: Membership
  readonly added: ReadonlyArray<TopicPartition>
  readonly owned: ReadonlyArray<TopicPartition>
}

/**
 * Called by the membership, one call at a time. Cooperative rebalancing (KIP-429): a member keeps what it owns while a
 * rebalance is under way, and gives up only what moves, before it joins again.
 */
export interface RebalanceListener {
  /**
   * Before every join, which waits for it (heartbeats do not: it must end within half the session time-out).
   * `revoked` is to be given up; commits with the present generation are still valid. Between this call and the next `assigned`
   * a commit may be refused as stale.
   */
  beforeJoin(revoked: ReadonlyArray<TopicPartition>): Effect.Effect<void>
  /** After every sync. */
  assigned(assignment: Assignment): Effect.Effect<void>
  /** The session expired or the member was fenced: these belong to others already. The member joins again by itself. */
  lost(partitions: ReadonlyArray<TopicPartition>): Effect.Effect<void>
}

export interface MemberOptions {
  readonly group: string
  readonly topics: ReadonlyArray<string>
  readonly listener: RebalanceListener
  /** Milliseconds without a heartbeat after which the group gives a member up. Default 10,000. */
  readonly sessionTimeout?: number
  /** Static membership (KIP-345). */
  readonly instanceId?: string
}

/** One member of a consumer group: membership only. Reading is a `Reader`'s. Closing its scope leaves the group. */
export interface Member {
  /** The member as of the last sync; none before the first and after a loss. */
  readonly membership: Effect.Effect<Option.Option<Membership>>
  /**
   * Committed offsets with requireStable (KIP-447): waits while a transaction that would change them is open.
   * A partition without one is left out.
   */
  committed(partitions: ReadonlyArray<TopicPartition>): Effect.Effect<ReadonlyArray<CommittedOffset>, KafkaError>
  /** Commits without a transaction, for consumers whose effects are elsewhere. `StaleMember` when the generation is over. */
  commit(membership: Membership, offsets: ReadonlyArray<CommittedOffset>): Effect.Effect<void, KafkaError>
  /** Whether the group's coordinator does not answer at present. */
  away(): Away | undefined
  /** Waits for the member to fail for good (authorization, a missing topic); never succeeds. */
  readonly failed: Effect.Effect<never, KafkaError>
}

/**
 * The broker: Apache Kafka or Redpanda (`cluster/`), or the one in this process (`embedded/`). Bytes and batches; nothing here
 * knows of actors. All clients are scoped: closing the scope closes sockets, leaves groups and ends waiting calls.
 */
export class Kafka extends Context.Service<
  Kafka,
  {
    /** As the broker reports it: it tells one log from another. */
    readonly clusterId: string
    readonly topics: Topics
    readonly producer: Effect.Effect<Producer, KafkaError, Scope.Scope>
    /**
     * Takes the transactional id over: fences whoever had it before and ends its open transaction first. `timeout` is the
     * broker's limit for one open transaction, in milliseconds (default 10,000).
     */
    transactor(options: {
      readonly transactionalId: string
      readonly timeout?: number
    }): Effect.Effect<Transactor, KafkaError, Scope.Scope>
    reader(options?: ReaderOptions): Effect.Effect<Reader, KafkaError, Scope.Scope>
    /** Joins the group in the background; the listener hears of the first assignment. */
    member(options: MemberOptions): Effect.Effect<Member, KafkaError, Scope.Scope>
    /** The committed record at exactly this offset; none where there is no such record (compacted, a marker, aborted, beyond the end). */
    read(position: RecordPosition): Effect.Effect<Option.Option<KafkaRecord>, KafkaError>
  }
>()("sixfold/Kafka") {}
