import type { KafkaError } from "../errors.ts"
import type { ProducerRecord, TopicPartition } from "../records.ts"
import { RecordBatch } from "./batch-encoder.ts"
import type { BatchIdentity } from "./batch-encoder.ts"
import type { Buffers } from "./buffers.ts"

/** One call of `send`, until all of its records are acknowledged or one has failed. */
export interface Delivery {
  remaining: number
  readonly offsets: Array<number>
  readonly bytes: number
  failure: KafkaError | undefined
  readonly finished: (delivery: Delivery) => void
}

/** Records on their way: the nth is the `indexes[n]`th of the delivery `deliveries[n]`. */
export interface LaneBatch {
  /** Its place in the order of the lane, and how much of the order is its own: a half has half of it. */
  readonly ordinal: number
  readonly span: number
  readonly records: RecordBatch
  readonly deliveries: Array<Delivery>
  readonly indexes: Array<number>
  readonly createdAt: number
  attempts: number
  /** The sequence number of its first record, of the last attempt. */
  sequence: number
  /** An attempt of it got no clear answer: it may be in the log, and may be sent again under the same sequence number only. */
  unclear: boolean
}

/** The way of one producer's records into one partition, in order. The decisions about sequence numbers are all here. */
export interface Lane extends TopicPartition {
  /** None while a new one is asked for. */
  identity: Omit<BatchIdentity, "baseSequence"> | undefined
  /** Not under way, the oldest first. */
  readonly queue: Array<LaneBatch>
  readonly inFlight: Set<LaneBatch>
  readonly buffers: Buffers
  /** Bytes of the batch before: about as many are to be expected of the next. */
  lastBytes: number
  ordinals: number
  nextSequence: number
  /** What the broker expects after all that is acknowledged. */
  ackedSequence: number
  ackedOrdinal: number
  /** The leader as known is to be asked for again, because the last attempt failed. */
  leaderDoubted: boolean
  missing: number
}

/** Requests under way for one partition: what a broker remembers of a producer to recognize what it has already (KIP-98). */
const maxInFlight = 5

export const make = ({ partition, topic }: TopicPartition, identity: Lane["identity"], buffers: Buffers): Lane => ({
  topic,
  partition,
  identity,
  queue: [],
  inFlight: new Set(),
  buffers,
  lastBytes: 0,
  ordinals: 0,
  nextSequence: 0,
  ackedSequence: 0,
  ackedOrdinal: -1,
  leaderDoubted: false,
  missing: 0
})

/** Sequence numbers go on at 0 after 2^31 - 1. */
const after = (sequence: number, count: number) => (sequence + count) % 0x80000000

/** How far `sequence` is ahead of `other`; negative where it is behind. Never half the circle. */
const ahead = (sequence: number, other: number) => ((sequence - other + 0xc0000000) % 0x80000000) - 0x40000000

const begin = (lane: Lane, bound: number, now: number): LaneBatch => {
  const batch: LaneBatch = {
    ordinal: lane.ordinals++,
    span: 1,
    records: new RecordBatch(lane.buffers, Math.max(lane.lastBytes, bound), false),
    deliveries: [],
    indexes: [],
    createdAt: now,
    attempts: 0,
    sequence: -1,
    unclear: false
  }
  lane.queue.push(batch)
  return batch
}

/** Where a record of this `sizeBound` goes: into the youngest batch, or into another that begins with it. */
export const room = (lane: Lane, bound: number, now: number, batchBytes: number): LaneBatch => {
  const last = lane.queue.at(-1)
  const full = last === undefined || last.attempts > 0 || last.records.bytes + bound > batchBytes
  return full ? begin(lane, bound, now) : last
}

/** Encodes the `index`th record of a delivery into the batch that has room for it. */
export const append = (
  batch: LaneBatch,
  record: ProducerRecord,
  bound: number,
  delivery: Delivery,
  index: number
): void => {
  batch.records.append(record, bound)
  batch.deliveries.push(delivery)
  batch.indexes.push(index)
}

/**
 * The batch that may be sent now. Once something had to be sent again, it is one at a time until that is through: a broker remembers
 * five batches, and what is sent again must be among them.
 */
export const ready = (lane: Lane, now: number, linger: number, batchBytes: number): LaneBatch | undefined => {
  const head = lane.queue[0]
  if (head === undefined || lane.identity === undefined || lane.inFlight.size >= maxInFlight) return undefined
  if (head.attempts > 0) return lane.inFlight.size === 0 ? head : undefined
  for (const { attempts } of lane.inFlight) if (attempts > 1) return undefined
  return lane.queue.length > 1 || head.records.bytes >= batchBytes || now - head.createdAt >= linger ? head : undefined
}

/** Takes the ready batch out of the queue and gives it its sequence number. */
export const depart = (lane: Lane): LaneBatch => {
  const batch = lane.queue.shift()!
  lane.lastBytes = batch.records.bytes
  // With nothing under way the count starts again where the broker's stands: whatever was given up in between is gone.
  if (lane.inFlight.size === 0) lane.nextSequence = lane.ackedSequence
  if (!batch.unclear) batch.sequence = lane.nextSequence
  const next = after(batch.sequence, batch.records.count)
  // One that was overtaken, and is acknowledged late, leaves the count where it is.
  if (ahead(next, lane.nextSequence) > 0) lane.nextSequence = next
  batch.attempts++
  lane.inFlight.add(batch)
  return batch
}

const putBack = (lane: Lane, batch: LaneBatch): void => {
  const index = lane.queue.findIndex(({ ordinal }) => ordinal > batch.ordinal)
  if (index === -1) lane.queue.push(batch)
  else lane.queue.splice(index, 0, batch)
}

export const acknowledged = (lane: Lane, batch: LaneBatch): void => {
  lane.inFlight.delete(batch)
  lane.missing = 0
  if (batch.ordinal < lane.ackedOrdinal) return
  lane.ackedOrdinal = batch.ordinal
  lane.ackedSequence = after(batch.sequence, batch.records.count)
}

/** No answer, or one that leaves open whether the batch was written. */
export const unclear = (lane: Lane, batch: LaneBatch): void => {
  lane.inFlight.delete(batch)
  batch.unclear = true
  putBack(lane, batch)
}

/** The connection was never made: nothing has been written by this attempt. */
export const unsent = (lane: Lane, batch: LaneBatch): void => {
  lane.inFlight.delete(batch)
  putBack(lane, batch)
}

/**
 * The broker expected another sequence number. What that means depends on where the batch stands:
 *
 * - `behind` one that did not arrive or was given up: then it cannot have been written either, and comes again.
 * - `written`: a later one has been acknowledged, so this one was before it. At which offset is forgotten.
 * - `forgotten`: it is the one to come, and the broker has lost its memory of this producer. It comes again under a new identity.
 * - `lost`: the same, but an earlier attempt may have been written: whether it was can never be known.
 *
 * `written` and `lost` take the batch out, for the caller to fail.
 */
export const outOfOrder = (lane: Lane, batch: LaneBatch): "behind" | "written" | "forgotten" | "lost" => {
  lane.inFlight.delete(batch)
  const position = ahead(batch.sequence, lane.ackedSequence)
  if (position < 0) return "written"
  if (position === 0 && batch.unclear) return "lost"
  batch.unclear = false
  putBack(lane, batch)
  return position === 0 ? "forgotten" : "behind"
}

/**
 * Takes out a batch that the broker refuses for good. One that may have been written leaves the broker's count in the dark: the next batch
 * could be taken for this one, and be acknowledged without being written. Then the lane needs a new identity.
 */
export const giveUp = (lane: Lane, batch: LaneBatch): void => {
  lane.inFlight.delete(batch)
  if (batch.unclear) renew(lane)
}

/** The same for all that is not under way, for the caller to fail. */
export const giveUpQueue = (lane: Lane): ReadonlyArray<LaneBatch> => {
  if (lane.queue.some(({ unclear }) => unclear)) renew(lane)
  return lane.queue.splice(0)
}

/** Asks for a new identity as soon as nothing of the lane is under way. */
export const renew = (lane: Lane): void => {
  lane.identity = undefined
}

/** The broker will not take the batch as it is: its halves are queued instead. False: it is a single record, the caller's to fail. */
export const bisect = (lane: Lane, batch: LaneBatch): boolean => {
  lane.inFlight.delete(batch)
  if (batch.records.count === 1) return false
  const span = batch.span / 2
  const [first, second] = batch.records.halves()
  // What the broker does not take now, it has not taken before either.
  const half = (ordinal: number, records: RecordBatch, start: number): LaneBatch => ({
    ...batch,
    ordinal,
    span,
    records,
    deliveries: batch.deliveries.slice(start, start + records.count),
    indexes: batch.indexes.slice(start, start + records.count),
    unclear: false
  })
  putBack(lane, half(batch.ordinal, first, 0))
  putBack(lane, half(batch.ordinal + span, second, first.count))
  return true
}

/**
 * A new identity with nothing under way: sequence numbers begin at 0. Batches that may have been written under the old identity would be written
 * twice under the new one: they are taken out, for the caller to fail.
 */
export const adopt = (lane: Lane, identity: NonNullable<Lane["identity"]>): ReadonlyArray<LaneBatch> => {
  lane.identity = identity
  lane.nextSequence = 0
  lane.ackedSequence = 0
  const lost = lane.queue.filter(({ unclear }) => unclear)
  if (lost.length > 0) lane.queue.splice(0, lane.queue.length, ...lane.queue.filter(({ unclear }) => !unclear))
  return lost
}

/** Takes the batches out that have waited since before `deadline`. When one of them may have been written, the lane needs a new identity. */
export const expire = (lane: Lane, deadline: number): ReadonlyArray<LaneBatch> => {
  const expired: Array<LaneBatch> = []
  while (lane.queue[0] !== undefined && lane.queue[0].createdAt <= deadline) expired.push(lane.queue.shift()!)
  if (expired.some(({ unclear }) => unclear)) renew(lane)
  return expired
}
