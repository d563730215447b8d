import { createAPI, listOffsetsV4, listOffsetsV5, Writer } from "@platformatic/kafka"
import type { Reader } from "@platformatic/kafka"
import type { AbortedTransaction } from "./aborted.ts"
import { version } from "./api.ts"
import type { Api } from "./api.ts"

export interface FetchPartition {
  readonly partition: number
  readonly leaderEpoch: number
  readonly offset: number
}

export interface FetchRequest {
  readonly committed: boolean
  /** Milliseconds the broker may wait for a first byte. */
  readonly maxWait: number
  /** Of the whole answer, and of one partition; the first batch comes even where it is larger (KIP-74). */
  readonly maxBytes: number
  readonly partitionMaxBytes: number
  readonly topics: ReadonlyMap<string, ReadonlyArray<FetchPartition>>
}

export interface FetchedPartition {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly aborted: ReadonlyArray<AbortedTransaction>
  /** Whole batches, and perhaps a part of one. */
  readonly records: Buffer
}

export interface FetchResponse {
  readonly errorCode: number
  readonly partitions: ReadonlyArray<FetchedPartition>
}

const noBytes = Buffer.alloc(0)

const writeFetch = (request: FetchRequest): Writer =>
  Writer.create()
    .appendInt32(-1) // a consumer, not a replica
    .appendInt32(request.maxWait)
    .appendInt32(1) // answer with the first byte
    .appendInt32(request.maxBytes)
    .appendInt8(request.committed ? 1 : 0)
    .appendInt32(0) // no fetch session: each request names all it wants
    .appendInt32(-1)
    .appendArray(
      [...request.topics],
      (w, [topic, partitions]) => {
        w.appendString(topic, false).appendArray(
          [...partitions],
          (w, { leaderEpoch, offset, partition }) => {
            w.appendInt32(partition)
              .appendInt32(leaderEpoch)
              .appendInt64(BigInt(offset))
              .appendInt64(-1n)
              .appendInt32(request.partitionMaxBytes)
          },
          false,
          false
        )
      },
      false,
      false
    )
    .appendInt32(0) // no forgotten topics
    .appendString("", false) // no rack: followers are not read from

const readFetch = (_correlation: number, _key: number, _version: number, reader: Reader): FetchResponse => {
  reader.readInt32()
  const errorCode = reader.readInt16()
  reader.readInt32()
  const partitions: Array<FetchedPartition> = []
  for (let topics = reader.readInt32(); topics > 0; topics--) {
    const topic = reader.readString(false)
    for (let count = reader.readInt32(); count > 0; count--) {
      const partition = reader.readInt32()
      const errorCode = reader.readInt16()
      const highWatermark = Number(reader.readInt64())
      const lastStableOffset = Number(reader.readInt64())
      reader.readInt64()
      const aborted: Array<AbortedTransaction> = []
      for (let n = reader.readInt32(); n > 0; n--)
        aborted.push({ producerId: reader.readInt64(), firstOffset: Number(reader.readInt64()) })
      reader.readInt32()
      const records = reader.readNullableBytes(false) ?? noBytes
      partitions.push({ topic, partition, errorCode, highWatermark, lastStableOffset, aborted, records })
    }
  }
  return { errorCode, partitions }
}

/** Fetch by topic name, without sessions. The library's own decodes every record and believes its checksum; ours keeps the bytes. */
export const fetch: Api<FetchRequest, FetchResponse> = {
  key: 1,
  name: "Fetch",
  versions: [
    version(
      createAPI<[FetchRequest], FetchResponse>(1, 11, writeFetch, readFetch, false, false),
      (request: FetchRequest) => [request]
    )
  ]
}

/** Timestamps with a meaning of their own. */
export const latest = -1
export const earliest = -2

export interface ListOffsetsRequest {
  readonly topic: string
  readonly partition: number
  readonly leaderEpoch: number
  /** Milliseconds since the epoch, `latest` or `earliest`. */
  readonly time: number
}

export interface ListOffsetsResponse {
  readonly topics: ReadonlyArray<{
    readonly partitions: ReadonlyArray<{ readonly errorCode: number; readonly offset: bigint }>
  }>
}

interface ListOffsetsTopic {
  name: string
  partitions: Array<{ partitionIndex: number; currentLeaderEpoch: number; timestamp: bigint }>
}

const listed = ({
  leaderEpoch,
  partition,
  time,
  topic
}: ListOffsetsRequest): [number, number, Array<ListOffsetsTopic>] => [
  -1,
  0, // read uncommitted: the end is the high watermark
  [
    {
      name: topic,
      partitions: [{ partitionIndex: partition, currentLeaderEpoch: leaderEpoch, timestamp: BigInt(time) }]
    }
  ]
]

export const listOffsets: Api<ListOffsetsRequest, ListOffsetsResponse> = {
  key: 2,
  name: "ListOffsets",
  versions: [version(listOffsetsV5.api, listed), version(listOffsetsV4.api, listed)]
}
