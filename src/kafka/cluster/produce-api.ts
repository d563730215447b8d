import { createAPI, initProducerIdV3, initProducerIdV4, Writer } from "@platformatic/kafka"
import type { Reader } from "@platformatic/kafka"
import { version } from "./api.ts"
import type { Api } from "./api.ts"
import { groupByTopic } from "./group-by-topic.ts"

export interface ProducePartition {
  readonly topic: string
  readonly partition: number
  /** One encoded and signed batch. */
  readonly batch: Buffer
}

export interface ProduceRequest {
  readonly transactionalId: string | null
  /** Milliseconds the leader may wait for its followers. */
  readonly timeout: number
  /** At most one batch per partition. */
  readonly partitions: ReadonlyArray<ProducePartition>
}

export interface ProducedPartition {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  readonly baseOffset: number
  /** What the broker says of a refused batch, from version 8. */
  readonly message: string | null
}

export type ProduceResponse = ReadonlyArray<ProducedPartition>

const allInSync = -1

const writeProduce = ({ partitions, timeout, transactionalId }: ProduceRequest): Writer =>
  Writer.create()
    .appendString(transactionalId, false)
    .appendInt16(allInSync)
    .appendInt32(timeout)
    .appendArray(
      groupByTopic(partitions),
      (w, [topic, partitions]) => {
        w.appendString(topic, false).appendArray(
          partitions,
          (w, { batch, partition }) => {
            w.appendInt32(partition).appendInt32(batch.length).append(batch)
          },
          false,
          false
        )
      },
      false,
      false
    )

const readProduce = (_correlation: number, _key: number, version: number, reader: Reader): ProduceResponse => {
  const partitions: Array<ProducedPartition> = []
  for (let topics = reader.readInt32(); topics > 0; topics--) {
    const topic = reader.readString(false)
    for (let count = reader.readInt32(); count > 0; count--) {
      const partition = reader.readInt32()
      const errorCode = reader.readInt16()
      const baseOffset = Number(reader.readInt64())
      reader.readInt64()
      reader.readInt64()
      let message: string | null = null
      if (version >= 8) {
        for (let errors = reader.readInt32(); errors > 0; errors--) {
          reader.readInt32()
          message ??= reader.readNullableString(false)
        }
        message = reader.readNullableString(false) ?? message
      }
      partitions.push({ topic, partition, errorCode, baseOffset, message })
    }
  }
  return partitions
}

const produceVersion = (number: number) =>
  version(
    createAPI<[ProduceRequest], ProduceResponse>(0, number, writeProduce, readProduce, false, false),
    (request: ProduceRequest) => [request]
  )

/** Produce with batches that are encoded already. */
export const produce: Api<ProduceRequest, ProduceResponse> = {
  key: 0,
  name: "Produce",
  versions: [produceVersion(8), produceVersion(7)]
}

export interface InitProducerIdRequest {
  readonly transactionalId: string | null
  /** Milliseconds a transaction may stay open. */
  readonly timeout: number
}

export interface InitProducerIdResponse {
  readonly errorCode: number
  readonly producerId: bigint
  readonly producerEpoch: number
}

const fresh = ({ timeout, transactionalId }: InitProducerIdRequest): [string | null, number, bigint, number] => [
  transactionalId,
  timeout,
  -1n,
  -1
]

export const initProducerId: Api<InitProducerIdRequest, InitProducerIdResponse> = {
  key: 22,
  name: "InitProducerId",
  versions: [version(initProducerIdV4.api, fresh), version(initProducerIdV3.api, fresh)]
}
