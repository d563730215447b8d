import {
  decodeConsumerProtocolAssignment,
  decodeConsumerProtocolSubscription,
  encodeConsumerProtocolAssignment,
  encodeConsumerProtocolSubscription
} from "@platformatic/kafka"
import { cooperative } from "../assignor.ts"
import type { Subscriber } from "../assignor.ts"
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

const ungrouped = (topics: ReadonlyArray<{ readonly topic: string; readonly partitions: ReadonlyArray<number> }>) =>
  topics.flatMap(({ partitions, topic }) => partitions.map((partition): TopicPartition => ({ topic, partition })))

/** What the members have told the leader. */
export const subscribers = (members: JoinGroupResponse["members"]): ReadonlyArray<Subscriber> =>
  members.map(({ memberId, metadata }) => {
    const { generationId, ownedPartitions, topics } = decodeConsumerProtocolSubscription(metadata)
    return { id: memberId, topics, owned: ungrouped(ownedPartitions), ownedSince: generationId }
  })

/** The leader's work. `partitions`: how many there are of each topic that exists. */
export const assign = (members: ReadonlyArray<Subscriber>, partitions: ReadonlyMap<string, number>) => {
  const all = [...partitions].flatMap(([topic, count]) =>
    Array.from({ length: count }, (_, partition): TopicPartition => ({ topic, partition }))
  )
  return Array.from(cooperative(members, all), ([memberId, granted]) => ({
    memberId,
    assignment: encodeConsumerProtocolAssignment({
      version: consumerProtocol,
      assignedPartitions: grouped(granted),
      userData: null
    })
  }))
}

export const assigned = (assignment: Buffer): ReadonlyArray<TopicPartition> =>
  ungrouped(decodeConsumerProtocolAssignment(assignment).assignedPartitions)

/** The partitions of `all` that are not in `others`. */
export const without = (
  all: ReadonlyArray<TopicPartition>,
  others: ReadonlyArray<TopicPartition>
): ReadonlyArray<TopicPartition> => {
  const ids = new Set(others.map(({ partition, topic }) => partitionId(topic, partition)))
  return all.filter(({ partition, topic }) => !ids.has(partitionId(topic, partition)))
}
