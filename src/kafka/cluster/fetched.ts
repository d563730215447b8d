import { KafkaError } from "../errors.ts"
import type { KafkaRecord, TopicPartition } from "../records.ts"
import { undecidedAt } from "../undecided.ts"
import type { Undecided } from "../undecided.ts"
import * as Aborted from "./aborted.ts"
import {
  isAbortMarker,
  isControl,
  isTransactional,
  openBatch,
  readHeader,
  takeRecords,
  verifyChecksum
} from "./batch-decoder.ts"
import type { BatchHeader, OpenBatch } from "./batch-decoder.ts"
import type { FetchedPartition } from "./fetch-api.ts"

/** Bytes of one partition as one fetch brought them, and how far they have been taken. */
interface Chunk {
  readonly bytes: Buffer
  readonly filter: Aborted.AbortedFilter
  position: number
  /** The batch at `position`, where a part of it has been taken. */
  open: OpenBatch | undefined
}

/** What has been fetched of a partition and not yet been taken. Kept as bytes: what nobody polls is never decoded. */
export interface Fetched extends TopicPartition {
  /** The offset to fetch next, behind what is queued. */
  fetchOffset: number
  /** The offset to hand on next. */
  takeOffset: number
  endOffset: number
  undecided: Undecided | undefined
  queuedBytes: number
  readonly chunks: Array<Chunk>
}

export const make = ({ partition, topic }: TopicPartition, offset: number): Fetched => ({
  topic,
  partition,
  fetchOffset: offset,
  takeOffset: offset,
  endOffset: offset,
  undecided: undefined,
  queuedBytes: 0,
  chunks: []
})

/** Queues what a fetch brought at `now` (milliseconds since the epoch). Throws `CorruptBatch`. */
export const append = (fetched: Fetched, answer: FetchedPartition, committed: boolean, now: number): void => {
  const { highWatermark, lastStableOffset, records } = answer
  const offset = committed ? lastStableOffset : highWatermark
  fetched.endOffset = offset
  fetched.undecided = undecidedAt(fetched.undecided, { offset, end: highWatermark }, now)
  let end = 0
  for (let header = readHeader(records, 0); header !== undefined; header = readHeader(records, end)) {
    end = header.end
    if (header.nextOffset > fetched.fetchOffset) fetched.fetchOffset = header.nextOffset
  }
  if (end === 0) return
  // The part of a batch at the end is fetched again with the next request.
  fetched.chunks.push({
    bytes: records.subarray(0, end),
    filter: Aborted.make(answer.aborted),
    position: 0,
    open: undefined
  })
  fetched.queuedBytes += end
}

/** Opens the batch at the chunk's position; none where it has nothing to show: a marker, or aborted records. */
const begin = ({ bytes, filter }: Chunk, header: BatchHeader, committed: boolean): OpenBatch | undefined => {
  verifyChecksum(bytes, header)
  if (isControl(header)) {
    if (committed && isAbortMarker(bytes, header)) filter.abortMarker(header.producerId, header.baseOffset)
    return undefined
  }
  const hidden = committed && isTransactional(header) && filter.skipsData(header.producerId, header.baseOffset)
  return hidden ? undefined : openBatch(bytes, header)
}

/**
 * Appends to `into` as many records as fit into `budget` bytes; where `must`, at least one. Answers the bytes they have, decompressed;
 * a batch that has nothing to show counts as it is stored.
 * `takeOffset` moves behind them, also where a batch has nothing to show: markers, aborted records, holes of compaction.
 * Throws `CorruptBatch`; what came before the corrupt batch is in `into`.
 */
export const take = (
  fetched: Fetched,
  committed: boolean,
  budget: number,
  must: boolean,
  into: Array<KafkaRecord>
): number => {
  let taken = 0
  for (let chunk = fetched.chunks[0]; chunk !== undefined; chunk = fetched.chunks[0]) {
    const header = readHeader(chunk.bytes, chunk.position)
    if (header === undefined) {
      fetched.chunks.shift()
      continue
    }
    const size = header.end - header.start
    const first = must && taken === 0
    if (chunk.open === undefined) {
      // Not decompressed before it is wanted.
      if (taken + size > budget && !first) break
      chunk.open = begin(chunk, header, committed)
      if (chunk.open === undefined) taken += size
    }
    if (chunk.open !== undefined) {
      taken += takeRecords(chunk.open, fetched.takeOffset, budget - taken, first, into)
      if (chunk.open.left > 0) {
        fetched.takeOffset = Math.max(fetched.takeOffset, (into.at(-1)?.offset ?? -1) + 1)
        break
      }
      chunk.open = undefined
    }
    chunk.position = header.end
    fetched.queuedBytes -= size
    if (header.nextOffset > fetched.takeOffset) fetched.takeOffset = header.nextOffset
  }
  return taken
}

export const corruption = ({ partition, topic }: TopicPartition, error: unknown): KafkaError =>
  new KafkaError({
    reason: "CorruptBatch",
    message: `partition ${partition} of topic ${topic}: ${error instanceof Error ? error.message : String(error)}`,
    topic,
    partition,
    cause: error
  })
