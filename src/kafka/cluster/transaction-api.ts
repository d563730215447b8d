import { addOffsetsToTxnV3, addPartitionsToTxnV3, endTxnV3, txnOffsetCommitV3 } from "@platformatic/kafka"
import type { CommittedOffset, Membership } from "../kafka.ts"
import type { TopicPartition } from "../records.ts"
import { version } from "./api.ts"
import type { Api } from "./api.ts"
import { groupByTopic } from "./group-by-topic.ts"

/*
 * Version 3 of each, and no higher: the protocol of KIP-98 and KIP-447, before KIP-890 changed who adds partitions and when
 * epochs move. It is what Redpanda has too.
 */

/** The transaction a request belongs to. */
export interface Transactional {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly producerEpoch: number
}

interface PartitionErrors {
  readonly name: string
}

export interface AddPartitionsResponse {
  readonly resultsByTransaction: ReadonlyArray<{
    readonly topicResults: ReadonlyArray<
      PartitionErrors & {
        readonly resultsByPartition: ReadonlyArray<{
          readonly partitionIndex: number
          readonly partitionErrorCode: number
        }>
      }
    >
  }>
}

export const addPartitionsToTxn: Api<
  Transactional & { readonly partitions: ReadonlyArray<TopicPartition> },
  AddPartitionsResponse
> = {
  key: 24,
  name: "AddPartitionsToTxn",
  versions: [
    version(addPartitionsToTxnV3.api, ({ partitions, producerEpoch, producerId, transactionalId }) => [
      [
        {
          transactionalId,
          producerId,
          producerEpoch,
          verifyOnly: false,
          topics: groupByTopic(partitions).map(([name, partitions]) => ({
            name,
            partitions: partitions.map(({ partition }) => partition)
          }))
        }
      ]
    ])
  ]
}

export const addOffsetsToTxn: Api<Transactional & { readonly group: string }, { readonly errorCode: number }> = {
  key: 25,
  name: "AddOffsetsToTxn",
  versions: [
    version(addOffsetsToTxnV3.api, ({ group, producerEpoch, producerId, transactionalId }) => [
      transactionalId,
      producerId,
      producerEpoch,
      group
    ])
  ]
}

export interface TxnOffsetCommitResponse {
  readonly topics: ReadonlyArray<
    PartitionErrors & {
      readonly partitions: ReadonlyArray<{ readonly partitionIndex: number; readonly errorCode: number }>
    }
  >
}

/** All partitions at once, with the member's id and generation: the broker refuses a member that is over (KIP-447). */
export const txnOffsetCommit: Api<
  Transactional & { readonly membership: Membership; readonly committed: ReadonlyArray<CommittedOffset> },
  TxnOffsetCommitResponse
> = {
  key: 28,
  name: "TxnOffsetCommit",
  versions: [
    version(txnOffsetCommitV3.api, ({ committed, membership, producerEpoch, producerId, transactionalId }) => [
      transactionalId,
      membership.group,
      producerId,
      producerEpoch,
      membership.generation,
      membership.memberId,
      null,
      groupByTopic(committed).map(([name, partitions]) => ({
        name,
        partitions: partitions.map(({ offset, partition }) => ({
          partitionIndex: partition,
          committedOffset: BigInt(offset),
          committedLeaderEpoch: -1,
          committedMetadata: ""
        }))
      }))
    ])
  ]
}

export const endTxn: Api<Transactional & { readonly commit: boolean }, { readonly errorCode: number }> = {
  key: 26,
  name: "EndTxn",
  versions: [
    version(endTxnV3.api, ({ commit, producerEpoch, producerId, transactionalId }) => [
      transactionalId,
      producerId,
      producerEpoch,
      commit
    ])
  ]
}
