/** A record header: a UTF-8 name and bytes. Names may repeat; order is kept. */
export type Header = readonly [name: string, value: Uint8Array]

export const noHeaders: ReadonlyArray<Header> = []

/** One partition of a topic. */
export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** A record to be written. The partition is always explicit: see `partitionFor`. */
export interface ProducerRecord {
  readonly topic: string
  readonly partition: number
  readonly key: Uint8Array | null
  /** null is a tombstone in a compacted topic. */
  readonly value: Uint8Array | null
  readonly headers: ReadonlyArray<Header>
  /** CreateTime, in milliseconds since the epoch. */
  readonly timestamp: number
}

/** A record as read. Offsets are safe integers; the wire's 64 bits stay at the wire. */
export interface KafkaRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: ReadonlyArray<Header>
}

/**
 * What one poll brought of one partition, in offset order. `records` may be empty while `nextOffset` advances:
 * transaction markers, aborted records and compaction leave gaps, so the next offset is never counted.
 */
export interface Batch extends TopicPartition {
  readonly records: ReadonlyArray<KafkaRecord>
  /** The offset that was to be read next before this batch: it tells a batch that a `seek` has overtaken. */
  readonly fromOffset: number
  /** The offset to read next. */
  readonly nextOffset: number
  /** The end of what this reader may see: the last stable offset when reading committed, else the high watermark. */
  readonly endOffset: number
}

/** Where a record was written. */
export interface RecordPosition extends TopicPartition {
  readonly offset: number
}

/** A map key for a partition. Topic names cannot contain a slash. */
export const partitionId = (topic: string, partition: number): string => `${topic}/${partition}`
