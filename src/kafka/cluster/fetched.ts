import { KafkaError } from "../errors.ts"
import type { KafkaRecord, TopicPartition } from "../records.ts"
import * as Aborted from "./aborted.ts"
import {
  decodeRecords,
  isAbortMarker,
  isControl,
  isTransactional,
  readHeader,
  verifyChecksum
} from "./batch-decoder.ts"
import type { FetchedPartition } from "./fetch-api.ts"

/** Bytes of one partition as one fetch brought them, and how far they have been taken. */
interface Chunk {
  readonly bytes: Buffer
  readonly filter: Aborted.AbortedFilter
  position: number
}

/** What has been fetched of a partition and not yet been taken. Kept as bytes: what nobody polls is never decoded. */
export interface Fetched extends TopicPartition {
  /** The offset to fetch next, behind what is queued. */
  fetchOffset: number
  /** The offset to hand on next. */
  takeOffset: number
  endOffset: number
  queuedBytes: number
  readonly chunks: Array<Chunk>
}

export const make = ({ partition, topic }: TopicPartition, offset: number): Fetched => ({
  topic,
  partition,
  fetchOffset: offset,
  takeOffset: offset,
  endOffset: offset,
  queuedBytes: 0,
  chunks: []
})

/** Queues what a fetch brought. Throws `CorruptBatch`. */
export const append = (fetched: Fetched, answer: FetchedPartition, committed: boolean): void => {
  const { records } = answer
  fetched.endOffset = committed ? answer.lastStableOffset : answer.highWatermark
  let end = 0
  for (let header = readHeader(records, 0); header !== undefined; header = readHeader(records, end)) {
    end = header.end
    if (header.nextOffset > fetched.fetchOffset) fetched.fetchOffset = header.nextOffset
  }
  if (end === 0) return
  // The part of a batch at the end is fetched again with the next request.
  fetched.chunks.push({ bytes: records.subarray(0, end), filter: Aborted.make(answer.aborted), position: 0 })
  fetched.queuedBytes += end
}

/**
 * Appends the records of whole broker batches to `into`, as many as fit into `budget` bytes and at least one; answers the bytes taken.
 * `takeOffset` moves behind them, also where a batch has nothing to show: markers, aborted records, holes of compaction.
 * Throws `CorruptBatch`; what came before the corrupt batch is in `into`.
 */
export const take = (fetched: Fetched, committed: boolean, budget: number, into: Array<KafkaRecord>): number => {
  let taken = 0
  for (let chunk = fetched.chunks[0]; chunk !== undefined; chunk = fetched.chunks[0]) {
    const header = readHeader(chunk.bytes, chunk.position)
    if (header === undefined) {
      fetched.chunks.shift()
      continue
    }
    const size = header.end - header.start
    if (taken > 0 && taken + size > budget) break
    verifyChecksum(chunk.bytes, header)
    if (isControl(header)) {
      if (committed && isAbortMarker(chunk.bytes, header))
        chunk.filter.abortMarker(header.producerId, header.baseOffset)
    } else if (
      !(committed && isTransactional(header) && chunk.filter.skipsData(header.producerId, header.baseOffset))
    ) {
      decodeRecords(chunk.bytes, header, fetched.takeOffset, into)
    }
    chunk.position = header.end
    taken += size
    fetched.queuedBytes -= size
    if (header.nextOffset > fetched.takeOffset) fetched.takeOffset = header.nextOffset
  }
  return taken
}

/** Bytes of the batch that would be taken next; 0 where there is none. */
export const nextSize = (fetched: Fetched): number => {
  const chunk = fetched.chunks[0]
  const header = chunk === undefined ? undefined : readHeader(chunk.bytes, chunk.position)
  return header === undefined ? 0 : header.end - header.start
}

export const corruption = ({ partition, topic }: TopicPartition, error: unknown): KafkaError =>
  new KafkaError({
    reason: "CorruptBatch",
    message: `partition ${partition} of topic ${topic}: ${error instanceof Error ? error.message : String(error)}`,
    topic,
    partition,
    cause: error
  })
