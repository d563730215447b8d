import {
  heartbeatV3,
  heartbeatV4,
  joinGroupV5,
  joinGroupV6,
  joinGroupV7,
  leaveGroupV3,
  leaveGroupV4,
  offsetCommitV7,
  offsetFetchV7,
  syncGroupV3,
  syncGroupV4,
  syncGroupV5
} from "@platformatic/kafka"
import type { CommittedOffset, Membership } from "../kafka.ts"
import type { TopicPartition } from "../records.ts"
import { version } from "./api.ts"
import type { Api } from "./api.ts"
import { groupByTopic } from "./group-by-topic.ts"

/** Kafka's classic group protocol, with the cooperative-sticky assignor and static members (KIP-345, KIP-429). */
export const protocol = "cooperative-sticky"

export interface JoinGroupRequest {
  readonly group: string
  /** Milliseconds. */
  readonly sessionTimeout: number
  readonly rebalanceTimeout: number
  /** Empty before the coordinator has given one. */
  readonly memberId: string
  readonly instanceId: string | null
  /** What the leader is to know: topics and owned partitions. */
  readonly subscription: Buffer
}

export interface JoinGroupResponse {
  readonly errorCode: number
  readonly generationId: number
  readonly leader: string
  readonly memberId: string
  /** The leader alone is told of all. */
  readonly members: ReadonlyArray<{ readonly memberId: string; readonly metadata: Buffer }>
}

type JoinArguments = [string, number, number, string, string | null, string, Array<{ name: string; metadata: Buffer }>]

const join = (request: JoinGroupRequest): JoinArguments => [
  request.group,
  request.sessionTimeout,
  request.rebalanceTimeout,
  request.memberId,
  request.instanceId,
  "consumer",
  [{ name: protocol, metadata: request.subscription }]
]

export const joinGroup: Api<JoinGroupRequest, JoinGroupResponse> = {
  key: 11,
  name: "JoinGroup",
  versions: [version(joinGroupV7.api, join), version(joinGroupV6.api, join), version(joinGroupV5.api, join)]
}

export interface SyncGroupRequest {
  readonly membership: Membership
  readonly instanceId: string | null
  /** From the leader only. */
  readonly assignments: ReadonlyArray<{ readonly memberId: string; readonly assignment: Buffer }>
}

type SyncArguments = [
  string,
  number,
  string,
  string | null,
  string,
  string,
  Array<{ memberId: string; assignment: Buffer }>
]

const sync = ({ assignments, instanceId, membership }: SyncGroupRequest): SyncArguments => [
  membership.group,
  membership.generation,
  membership.memberId,
  instanceId,
  "consumer",
  protocol,
  [...assignments]
]

export const syncGroup: Api<SyncGroupRequest, { readonly errorCode: number; readonly assignment: Buffer }> = {
  key: 14,
  name: "SyncGroup",
  versions: [version(syncGroupV5.api, sync), version(syncGroupV4.api, sync), version(syncGroupV3.api, sync)]
}

export interface MemberRequest {
  readonly membership: Membership
  readonly instanceId: string | null
}

const beat = ({ instanceId, membership }: MemberRequest): [string, number, string, string | null] => [
  membership.group,
  membership.generation,
  membership.memberId,
  instanceId
]

export const heartbeat: Api<MemberRequest, { readonly errorCode: number }> = {
  key: 12,
  name: "Heartbeat",
  versions: [version(heartbeatV4.api, beat), version(heartbeatV3.api, beat)]
}

export interface LeaveGroupRequest {
  readonly group: string
  readonly memberId: string
}

const leave = ({
  group,
  memberId
}: LeaveGroupRequest): [string, Array<{ memberId: string; groupInstanceId: null }>] => [
  group,
  [{ memberId, groupInstanceId: null }]
]

export const leaveGroup: Api<LeaveGroupRequest, { readonly errorCode: number }> = {
  key: 13,
  name: "LeaveGroup",
  versions: [version(leaveGroupV4.api, leave), version(leaveGroupV3.api, leave)]
}

export interface OffsetFetchRequest {
  readonly group: string
  readonly partitions: ReadonlyArray<TopicPartition>
}

export interface OffsetFetchResponse {
  readonly errorCode: number
  readonly topics: ReadonlyArray<{
    readonly name: string
    readonly partitions: ReadonlyArray<{
      readonly partitionIndex: number
      readonly committedOffset: bigint
      readonly errorCode: number
    }>
  }>
}

/** Always with requireStable: a partition that an open transaction will change is answered with UNSTABLE_OFFSET_COMMIT (KIP-447). */
export const offsetFetch: Api<OffsetFetchRequest, OffsetFetchResponse> = {
  key: 9,
  name: "OffsetFetch",
  versions: [
    version(offsetFetchV7.api, ({ group, partitions }) => [
      [
        {
          groupId: group,
          topics: groupByTopic(partitions).map(([name, partitions]) => ({
            name,
            partitionIndexes: partitions.map(({ partition }) => partition)
          }))
        }
      ],
      true
    ])
  ]
}

export interface OffsetCommitRequest {
  readonly membership: Membership
  readonly offsets: ReadonlyArray<CommittedOffset>
}

export interface OffsetCommitResponse {
  readonly topics: ReadonlyArray<{
    readonly name: string
    readonly partitions: ReadonlyArray<{ readonly partitionIndex: number; readonly errorCode: number }>
  }>
}

export const offsetCommit: Api<OffsetCommitRequest, OffsetCommitResponse> = {
  key: 8,
  name: "OffsetCommit",
  versions: [
    version(offsetCommitV7.api, ({ membership, offsets }) => [
      membership.group,
      membership.generation,
      membership.memberId,
      null,
      groupByTopic(offsets).map(([name, partitions]) => ({
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
