import { Deferred, Effect, Option, Scope } from "effect"
import { Kafka } from "../../src/kafka/kafka.ts"
import type { CommittedOffset, Member, Membership, Reader, Transactor } from "../../src/kafka/kafka.ts"
import { partitionId } from "../../src/kafka/records.ts"
import type { Batch, KafkaRecord, ProducerRecord, TopicPartition } from "../../src/kafka/records.ts"
import { readAll, text } from "../broker/clients.ts"
import { seeded } from "../cluster/seeded.ts"

/** What became of the numbers a producer sent, by partition. */
export interface Sent {
  readonly acknowledged: Set<number>
  readonly failed: Set<number>
}

/** The number of a record: its value begins with it. */
export const numberOf = ({ value }: Pick<KafkaRecord, "value">): number => Number.parseInt(text(value), 10)

/** A numbered record of any bytes. */
const numbered = (topic: string, partition: number, n: number): ProducerRecord => {
  const random = seeded(n)
  return {
    topic,
    partition,
    key: random.chance(0.2) ? null : random.bytes(8),
    value: Buffer.concat([Buffer.from(`${n} `), random.bytes(random.int(60))]),
    headers: random.chance(0.5) ? [] : [["n", random.bytes(4)]],
    timestamp: Date.now()
  }
}

/** Sends ascending numbers to all partitions in turn until interrupted, ten at a time; each partition sees its own in ascending order. */
export const producing = (topic: string, partitions: number, sent: Sent) =>
  Effect.gen(function* () {
    const kafka = yield* Kafka
    const producer = yield* kafka.producer
    let next = 0
    const batch = Effect.suspend(() => {
      const numbers = Array.from({ length: 10 }, () => next++)
      return producer.send(numbers.map((n) => numbered(topic, n % partitions, n))).pipe(
        Effect.match({
          onSuccess: () => numbers.forEach((n) => sent.acknowledged.add(n)),
          onFailure: () => numbers.forEach((n) => sent.failed.add(n))
        })
      )
    })
    // Two at a time: while one waits for its answer the next one is on its way.
    return yield* Effect.all([Effect.forever(Effect.delay(batch, 5)), Effect.forever(Effect.delay(batch, 7))], {
      concurrency: 2
    })
  })

/** The simplest exactly-once consumer: what it reads it writes to the other topic, with the offset, in one transaction. */
interface Consumer {
  readonly owned: Map<string, TopicPartition>
  readonly reader: Reader
  readonly member: Member
}

const committedUpTo = (batches: ReadonlyArray<Batch>): ReadonlyArray<CommittedOffset> =>
  batches.map(({ nextOffset, partition, topic }) => ({ topic, partition, offset: nextOffset }))

/**
 * Goes on from the committed offsets of what it owns. What has been given up since, even if it came back, was not meant: its
 * offset may be another's by now.
 */
const resume = Effect.fnUntraced(function* ({ member, owned, reader }: Consumer) {
  const partitions = [...owned.values()]
  // A broker that is away is waited for, however long.
  const offsets = Effect.retry(member.committed(partitions), { while: ({ reason }) => reason === "Unavailable" })
  const committed = new Map((yield* offsets).map((at) => [partitionId(at.topic, at.partition), at.offset]))
  for (const at of partitions) {
    const id = partitionId(at.topic, at.partition)
    if (owned.get(id) === at) yield* reader.seek(at, committed.get(id) ?? 0)
  }
})

export interface Outcomes {
  commits: number
  /** How transactions ended that did not commit. */
  readonly failures: Map<string, number>
}

/** Copies `input` to the same partition of `output` until interrupted. */
export const transforming = (options: {
  readonly input: string
  readonly output: string
  readonly group: string
  readonly transactionalId: string
  readonly outcomes: Outcomes
}) =>
  Effect.gen(function* () {
    const { group, input, outcomes, output, transactionalId } = options
    const kafka = yield* Kafka
    const reader = yield* kafka.reader({ maxBytes: 64 * 1024 })
    const owned = new Map<string, TopicPartition>()
    const ready = Deferred.makeUnsafe<Member>()
    const drop = Effect.fnUntraced(function* (partitions: ReadonlyArray<TopicPartition>) {
      for (const at of partitions) {
        owned.delete(partitionId(at.topic, at.partition))
        yield* reader.stop(at)
      }
    })
    const member: Member = yield* kafka.member({
      group,
      topics: [input],
      sessionTimeout: 6_000,
      listener: {
        beforeJoin: drop,
        lost: drop,
        assigned: ({ added }) =>
          Effect.gen(function* () {
            // An object of its own for every ownership: it tells one from the next.
            for (const at of added) owned.set(partitionId(at.topic, at.partition), { ...at })
            if (added.length === 0) return
            yield* Effect.orDie(resume({ owned, reader, member: yield* Deferred.await(ready) }))
          })
      }
    })
    yield* Deferred.succeed(ready, member)
    const makeTransactor = Effect.retry(kafka.transactor({ transactionalId }), {
      while: ({ reason }) => reason === "Unavailable"
    })
    let transactor: Transactor = yield* makeTransactor

    const settle = Effect.fnUntraced(function* (batches: ReadonlyArray<Batch>, membership: Membership) {
      const records = batches.flatMap(({ partition, records }) =>
        records.map((record): ProducerRecord => ({ ...record, topic: output, partition }))
      )
      const result = yield* Effect.result(
        transactor.commit({ records, offsets: { membership, committed: committedUpTo(batches) } })
      )
      if (result._tag === "Success") {
        outcomes.commits++
        return
      }
      const { outcome } = result.failure
      outcomes.failures.set(outcome, (outcomes.failures.get(outcome) ?? 0) + 1)
      if (outcome === "unclear" || outcome === "fenced") transactor = yield* makeTransactor
      yield* resume({ owned, reader, member })
    })

    return yield* Effect.forever(
      Effect.gen(function* () {
        const batches = (yield* reader.poll).filter(({ partition, topic }) => owned.has(partitionId(topic, partition)))
        const membership = yield* member.membership
        if (batches.length > 0 && Option.isSome(membership)) yield* settle(batches, membership.value)
      })
    )
  })

/** What a read-committed reader sees of a topic, by partition. */
export const contentOf = (topic: string, partitions: number) =>
  Effect.gen(function* () {
    const found = yield* readAll(Array.from({ length: partitions }, (_, partition) => ({ topic, partition })))
    return Array.from({ length: partitions }, (_, partition) => found.get(partitionId(topic, partition))!)
  })

/** Forks into a scope that the answer closes. */
export const running = <A, E, R>(effect: Effect.Effect<A, E, R | Scope.Scope>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const crashed: Array<unknown> = []
    const fiber = yield* effect.pipe(
      Effect.tapCause((cause) => Effect.sync(() => crashed.push(cause))),
      Scope.provide(scope),
      Effect.forkIn(scope)
    )
    return { fiber, crashed, stop: Scope.close(scope, yield* Effect.exit(Effect.void)) }
  })
