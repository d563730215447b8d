import { findCoordinatorV2, findCoordinatorV3, metadataV10, metadataV12, metadataV8 } from "@platformatic/kafka"
import { version } from "./api.ts"
import type { Api } from "./api.ts"

export interface MetadataResponse {
  readonly brokers: ReadonlyArray<{ readonly nodeId: number; readonly host: string; readonly port: number }>
  readonly clusterId?: string | null | undefined
  readonly controllerId: number
  readonly topics: ReadonlyArray<{
    readonly errorCode: number
    readonly name?: string | null | undefined
    /** Absent or zero before version 10. */
    readonly topicId?: string
    readonly partitions: ReadonlyArray<{
      readonly partitionIndex: number
      readonly leaderId: number
      readonly leaderEpoch: number
    }>
  }>
}

const topics = (names: ReadonlyArray<string>): [Array<string>, boolean, boolean] => [[...names], false, false]

/** Input: the topics to describe; none of them is created. */
export const metadata: Api<ReadonlyArray<string>, MetadataResponse> = {
  key: 3,
  name: "Metadata",
  versions: [version(metadataV12.api, topics), version(metadataV10.api, topics), version(metadataV8.api, topics)]
}

export interface FindCoordinatorResponse {
  readonly coordinators: ReadonlyArray<{
    readonly nodeId: number
    readonly host: string
    readonly port: number
    readonly errorCode: number
  }>
}

export interface CoordinatorKey {
  readonly type: "group" | "transaction"
  readonly key: string
}

const coordinator = ({ key, type }: CoordinatorKey): [0 | 1, Array<string>] => [type === "group" ? 0 : 1, [key]]

export const findCoordinator: Api<CoordinatorKey, FindCoordinatorResponse> = {
  key: 10,
  name: "FindCoordinator",
  versions: [version(findCoordinatorV3.api, coordinator), version(findCoordinatorV2.api, coordinator)]
}
