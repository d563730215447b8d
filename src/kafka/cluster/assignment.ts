import {
  cooperativeStickyAssigner,
  decodeConsumerProtocolAssignment,
  decodeConsumerProtocolSubscription,
  encodeConsumerProtocolAssignment,
  encodeConsumerProtocolSubscription
} from "@platformatic/kafka"
import { partitionId } from "../records.ts"
import type { TopicPartition } from "../records.ts"
import type { JoinGroupResponse } from "./group-api.ts"
import { groupByTopic } from "./group-by-topic.ts"

/** Version 3 of the consumer protocol: owned partitions and the generation they were owned in (KIP-429, KIP-792). */
const consumerProtocol = 3

const grouped = (partitions: ReadonlyArray<TopicPartition>) =>
  groupByTopic(partitions).map(([topic, partitions]) => ({
    topic,
    partitions: partitions.map(({ partition }) => partition)
  }))

/** What a member tells the leader of itself. */
export const subscription = (
  topics: ReadonlyArray<string>,
  owned: ReadonlyArray<TopicPartition>,
  generation: number
): Buffer =>
  encodeConsumerProtocolSubscription({
    version: consumerProtocol,
    topics: [...topics],
    userData: Buffer.alloc(0),
    ownedPartitions: grouped(owned),
    generationId: owned.length === 0 ? -1 : generation,
    rackId: null
  })

export interface Subscriber {
  readonly memberId: string
  readonly topics: ReadonlyArray<string>
  readonly subscription: ReturnType<typeof decodeConsumerProtocolSubscription>
}

export const subscribers = (members: JoinGroupResponse["members"]): ReadonlyArray<Subscriber> =>
  members.map(({ memberId, metadata }) => {
    const subscription = decodeConsumerProtocolSubscription(metadata)
    return { memberId, topics: subscription.topics, subscription }
  })

/** The leader's work. `partitions`: how many there are of each topic that exists. */
export const assign = (leader: string, members: ReadonlyArray<Subscriber>, partitions: ReadonlyMap<string, number>) => {
  const memberMap = new Map(
    members.map(({ memberId, subscription }) => [
      memberId,
      {
        memberId,
        version: subscription.version,
        topics: subscription.topics,
        metadata: subscription.userData,
        ownedPartitions: subscription.ownedPartitions,
        generationId: subscription.generationId,
        rackId: subscription.rackId
      }
    ])
  )
  const topics = new Map([...partitions].map(([topic, partitionsCount]) => [topic, { partitionsCount }]))
  const assigned = cooperativeStickyAssigner(leader, memberMap, new Set(partitions.keys()), { topics } as never)
  return assigned.map(({ assignments, memberId }) => ({
    memberId,
    assignment: encodeConsumerProtocolAssignment({
      version: consumerProtocol,
      assignedPartitions: [...assignments.values()],
      userData: null
    })
  }))
}

export const assigned = (assignment: Buffer): ReadonlyArray<TopicPartition> =>
  decodeConsumerProtocolAssignment(assignment).assignedPartitions.flatMap(({ partitions, topic }) =>
    partitions.map((partition) => ({ topic, partition }))
  )

/** The partitions of `all` that are not in `others`. */
export const without = (
  all: ReadonlyArray<TopicPartition>,
  others: ReadonlyArray<TopicPartition>
): ReadonlyArray<TopicPartition> => {
  const ids = new Set(others.map(({ partition, topic }) => partitionId(topic, partition)))
  return all.filter(({ partition, topic }) => !ids.has(partitionId(topic, partition)))
}
