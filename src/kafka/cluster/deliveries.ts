import { KafkaError } from "../errors.ts"
import type { ProducerRecord } from "../records.ts"
import * as Lane from "./lane.ts"
import type { ProducedPartition } from "./produce-api.ts"
import { errorName, isTransient, refused } from "./protocol-error.ts"

export const lostMessage =
  "the broker lost track of this producer while the record was unanswered: it may have been written"

const writtenMessage = "the record is written, but the broker no longer knows at which offset"

/** How records end: each `send` is answered when its last one has, and its bytes are free again. */
export interface Deliveries {
  failBatch(batch: Lane.LaneBatch, error: KafkaError): void
  /** Fails all that is not under way. */
  failLane(lane: Lane.Lane, error: KafkaError): void
  /** What a broker's answer, or its lack of one, means for a batch that was under way. */
  answered(lane: Lane.Lane, batch: Lane.LaneBatch, answer: ProducedPartition | undefined): void
  /** Bytes that have become free since it was last asked. */
  takeFreed(): number
}

/** For people. */
export const at = ({ partition, topic }: Lane.Lane) => `partition ${partition} of topic ${topic}`
export const unavailable = (lane: Lane.Lane, message: string) =>
  new KafkaError({
    reason: "Unavailable",
    message: `${at(lane)}: ${message}`,
    topic: lane.topic,
    partition: lane.partition
  })

export const tooLarge = ({ partition, topic }: ProducerRecord, size: number, bufferBytes: number) =>
  new KafkaError({
    reason: "RecordTooLarge",
    message: `a record of ${size} bytes for topic ${topic} does not fit into the producer's buffer (bufferBytes ${bufferBytes})`,
    topic,
    partition
  })

export const make = (): Deliveries => {
  let freed = 0

  const settle = ({ deliveries, indexes }: Lane.LaneBatch, n: number, offset: number, failure?: KafkaError) => {
    const delivery = deliveries[n]!
    delivery.offsets[indexes[n]!] = offset
    if (failure !== undefined) delivery.failure ??= failure
    if (--delivery.remaining > 0) return
    freed += delivery.bytes
    delivery.finished(delivery)
  }
  const failBatch = (batch: Lane.LaneBatch, error: KafkaError) => {
    for (let n = 0; n < batch.deliveries.length; n++) settle(batch, n, -1, error)
  }
  const failLane = (lane: Lane.Lane, error: KafkaError) => {
    for (const batch of Lane.giveUpQueue(lane)) failBatch(batch, error)
  }
  const answered: Deliveries["answered"] = (lane, batch, answer) => {
    const error = answer === undefined ? "REQUEST_TIMED_OUT" : errorName(answer.errorCode)
    if (error === "NONE") {
      Lane.acknowledged(lane, batch)
      for (let n = 0; n < batch.deliveries.length; n++) settle(batch, n, answer!.baseOffset + n)
      batch.records.release()
    } else if (error === "DUPLICATE_SEQUENCE_NUMBER") {
      Lane.acknowledged(lane, batch)
      failBatch(batch, unavailable(lane, writtenMessage))
    } else if (
      error === "OUT_OF_ORDER_SEQUENCE_NUMBER" ||
      error === "UNKNOWN_PRODUCER_ID" ||
      error === "INVALID_PRODUCER_EPOCH"
    ) {
      const why = Lane.outOfOrder(lane, batch)
      if (why === "lost") failBatch(batch, unavailable(lane, lostMessage))
      if (why === "written") failBatch(batch, unavailable(lane, writtenMessage))
      if (why === "lost" || why === "forgotten") Lane.renew(lane)
    } else if (isTransient(error) || error === "UNKNOWN_TOPIC_OR_PARTITION") {
      // Also "not the leader": it may have been, when it wrote.
      Lane.unclear(lane, batch)
      lane.leaderDoubted = true
    } else {
      const why = refused(error, `${at(lane)}${answer?.message ? ` (${answer.message})` : ""}`, lane)
      const splits = why.reason === "RecordTooLarge" || why.reason === "InvalidRecord"
      if (splits && Lane.bisect(lane, batch)) return
      Lane.giveUp(lane, batch)
      failBatch(batch, why)
    }
  }

  return {
    failBatch,
    failLane,
    answered,
    takeFreed: () => {
      const bytes = freed
      freed = 0
      return bytes
    }
  }
}
