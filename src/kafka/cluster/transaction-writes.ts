import { Clock, Effect } from "effect"
import { partitionId } from "../records.ts"
import type { ProducerRecord, TopicPartition } from "../records.ts"
import { pause } from "./backoff.ts"
import { batchBytes, RecordBatch, sign, sizeBound } from "./batch-encoder.ts"
import type { Buffers } from "./buffers.ts"
import type { Broker, Connections } from "./connections.ts"
import type { Metadata } from "./metadata.ts"
import { produce } from "./produce-api.ts"
import type { ProduceResponse } from "./produce-api.ts"
import { errorName } from "./protocol-error.ts"
import type { Settings } from "./settings.ts"
import type { Transactional } from "./transaction-api.ts"
import { Stopped, verdict, worst } from "./transaction-outcome.ts"

/** Bytes of records a transaction may have: more could not be written in a transaction's time. */
const maxTransactionBytes = 64 * 1024 * 1024

const tooLarge: ReadonlySet<string> = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"])

/** The batches of one partition that are still to be written, in order. */
interface PartitionWrites extends TopicPartition {
  readonly pieces: Array<RecordBatch>
  /** An attempt of the first piece got no clear answer. */
  doubtful: boolean
}

export type Prepared = ReadonlyArray<PartitionWrites>

/** The records by partition, encoded, in batches of a size brokers take. */
export const prepare = Effect.fnUntraced(function* (
  records: ReadonlyArray<ProducerRecord>,
  settings: Settings,
  buffers: Buffers
): Effect.fn.Return<Prepared, Stopped> {
  const partitions = new Map<string, PartitionWrites>()
  let writes: PartitionWrites | undefined
  let total = 0
  for (const record of records) {
    const { partition, topic } = record
    if (writes === undefined || writes.partition !== partition || writes.topic !== topic) {
      const id = partitionId(topic, partition)
      writes = partitions.get(id) ?? { topic, partition, doubtful: false, pieces: [] }
      partitions.set(id, writes)
    }
    const bound = sizeBound(record)
    total += bound
    if (bound > settings.bufferBytes) {
      return yield* new Stopped({
        outcome: "refused",
        message: `a record of ${bound} bytes for topic ${topic} is larger than bufferBytes (${settings.bufferBytes})`
      })
    }
    if (total > maxTransactionBytes) {
      return yield* new Stopped({
        outcome: "refused",
        message: `a transaction of more than ${maxTransactionBytes} bytes`
      })
    }
    const last = writes.pieces.at(-1)
    const full = last === undefined || last.bytes + bound > batchBytes
    const piece = full ? new RecordBatch(buffers, bound, true) : last
    if (full) writes.pieces.push(piece)
    piece.append(record, bound)
  }
  return [...partitions.values()]
})

export interface Writes {
  /** Writes all, one batch per partition at a time. Fails as `stop` says, or as `unclear` where a write was never answered. */
  write(
    prepared: Prepared,
    deadline: number,
    stop: (error: string, what: string) => Effect.Effect<never, Stopped>
  ): Effect.Effect<void, Stopped>
}

export const make = (
  settings: Settings,
  metadata: Metadata,
  connections: Connections,
  identity: Transactional
): Writes => {
  /** The next sequence number, by partition: they go on from one transaction of an epoch to the next. */
  const sequences = new Map<string, number>()
  const sequenceOf = ({ partition, topic }: TopicPartition) => sequences.get(partitionId(topic, partition)) ?? 0

  const encode = (writes: PartitionWrites): Buffer => {
    const batch = writes.pieces[0]!.seal(settings.compression)
    sign(batch, { ...identity, baseSequence: sequenceOf(writes) })
    return batch
  }

  /** Takes an answer in. True: this partition must be asked for again, of a leader looked up anew. */
  const answered = Effect.fnUntraced(function* (
    writes: PartitionWrites,
    answer: ProduceResponse[number] | undefined,
    stop: (error: string, what: string) => Effect.Effect<never, Stopped>
  ) {
    const piece = writes.pieces[0]!
    const error = answer === undefined ? "REQUEST_TIMED_OUT" : errorName(answer.errorCode)
    if (error === "NONE") {
      writes.pieces.shift()
      piece.release()
      writes.doubtful = false
      sequences.set(partitionId(writes.topic, writes.partition), (sequenceOf(writes) + piece.count) % 0x80000000)
      return false
    }
    const judged = verdict(error)
    if (judged === "retry") {
      writes.doubtful = true
      return true
    }
    if (judged === "refused" && piece.count > 1) {
      writes.pieces.splice(0, 1, ...piece.halves())
      return false
    }
    // What its producer compressed into the inbox has to fit where it waits, or where it is given up.
    if (tooLarge.has(error) && piece.squeeze()) return false
    return yield* stop(error, `partition ${writes.partition} of topic ${writes.topic}`)
  })

  /** One request to one broker. True: leaders must be looked up anew. */
  const ask = Effect.fnUntraced(function* (
    broker: Broker,
    group: ReadonlyArray<PartitionWrites>,
    deadline: number,
    stop: (error: string, what: string) => Effect.Effect<never, Stopped>
  ) {
    const left = deadline - (yield* Clock.currentTimeMillis)
    const result = yield* Effect.result(
      connections.request(broker, produce, {
        transactionalId: identity.transactionalId,
        timeout: Math.max(500, Math.min(left, settings.requestTimeout * 0.8)),
        partitions: group.map((writes) => ({ topic: writes.topic, partition: writes.partition, batch: encode(writes) }))
      })
    )
    if (result._tag === "Failure") {
      const { failure } = result
      if (failure.sent) for (const writes of group) writes.doubtful = true
      if (failure.kind !== "away")
        return yield* new Stopped({ outcome: "aborted", message: failure.message, cause: failure })
      return true
    }
    const answers = new Map(result.success.map((answer) => [partitionId(answer.topic, answer.partition), answer]))
    let stale = false
    const failures: Array<Stopped> = []
    for (const writes of group) {
      const one = yield* Effect.result(answered(writes, answers.get(partitionId(writes.topic, writes.partition)), stop))
      if (one._tag === "Success") stale ||= one.success
      else failures.push(one.failure)
    }
    if (failures.length > 0) return yield* worst(failures)
    return stale
  })

  const byLeader = Effect.fnUntraced(function* (prepared: Prepared, patience: number) {
    const groups = new Map<string, { broker: Broker; group: Array<PartitionWrites> }>()
    for (const writes of prepared) {
      const { broker } = yield* Effect.mapError(
        metadata.leader(writes.topic, writes.partition, patience),
        (error) =>
          new Stopped({
            outcome: error.reason === "TopicMissing" ? "refused" : "aborted",
            message: error.message,
            cause: error
          })
      )
      const id = `${broker.host}:${broker.port}`
      const found = groups.get(id)
      if (found === undefined) groups.set(id, { broker, group: [writes] })
      else found.group.push(writes)
    }
    return [...groups.values()]
  })

  /**
   * A batch that is never answered may yet arrive, after the abort: only a new epoch keeps it out of the log. An attempt that
   * fails waits for the other brokers' answers, so that every sequence number is accounted for.
   */
  const write: Writes["write"] = Effect.fnUntraced(function* (prepared, deadline, stop) {
    const unclear = (stopped: Stopped) =>
      prepared.some(({ doubtful, pieces }) => doubtful && pieces.length > 0)
        ? new Stopped({ outcome: "unclear", message: stopped.message, cause: stopped.cause })
        : stopped
    for (let n = 0; ;) {
      const open = prepared.filter(({ pieces }) => pieces.length > 0)
      if (open.length === 0) return
      const left = deadline - (yield* Clock.currentTimeMillis)
      if (left <= 0) {
        return yield* unclear(
          new Stopped({
            outcome: "aborted",
            message: `partition ${open[0]!.partition} of topic ${open[0]!.topic} was not written in the transaction's time`
          })
        )
      }
      const groups = yield* Effect.mapError(byLeader(open, left), unclear)
      const results = yield* Effect.forEach(
        groups,
        ({ broker, group }) => Effect.result(ask(broker, group, deadline, stop)),
        { concurrency: "unbounded" }
      )
      const failures = results.flatMap((result) => (result._tag === "Failure" ? [result.failure] : []))
      if (failures.length > 0) return yield* unclear(worst(failures))
      if (!results.some((result) => result._tag === "Success" && result.success)) continue
      yield* pause(n++)
      yield* Effect.ignore(metadata.refresh([...new Set(open.map(({ topic }) => topic))]))
    }
  })

  return { write }
}
