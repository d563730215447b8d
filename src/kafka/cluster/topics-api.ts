import {
  createTopicsV5,
  createTopicsV6,
  createTopicsV7,
  describeConfigsV1,
  describeConfigsV2,
  describeConfigsV3,
  describeConfigsV4
} from "@platformatic/kafka"
import { version } from "./api.ts"
import type { Api } from "./api.ts"

export interface NewTopic {
  readonly name: string
  readonly partitions: number
  readonly replicas: number
  readonly configs: Readonly<Record<string, string>>
}

export interface CreateTopicsRequest {
  readonly topics: ReadonlyArray<NewTopic>
  /** Milliseconds the controller may take. */
  readonly timeout: number
  /** Only whether it could be done. */
  readonly rehearsal: boolean
}

export interface CreateTopicsResponse {
  readonly topics: ReadonlyArray<{
    readonly name: string
    readonly errorCode: number
    readonly errorMessage?: string | null | undefined
  }>
}

interface CreatedTopic {
  name: string
  numPartitions: number
  replicationFactor: number
  assignments: []
  configs: Array<{ name: string; value: string }>
}

const create = ({ rehearsal, timeout, topics }: CreateTopicsRequest): [Array<CreatedTopic>, number, boolean] => [
  topics.map(({ configs, name, partitions, replicas }) => ({
    name,
    numPartitions: partitions,
    replicationFactor: replicas,
    assignments: [],
    configs: Object.entries(configs).map(([name, value]) => ({ name, value }))
  })),
  timeout,
  rehearsal
]

export const createTopics: Api<CreateTopicsRequest, CreateTopicsResponse> = {
  key: 19,
  name: "CreateTopics",
  versions: [
    version(createTopicsV7.api, create),
    version(createTopicsV6.api, create),
    version(createTopicsV5.api, create)
  ]
}

export interface DescribeConfigsRequest {
  readonly topics: ReadonlyArray<string>
  readonly settings: ReadonlyArray<string>
}

export interface DescribeConfigsResponse {
  readonly results: ReadonlyArray<{
    readonly errorCode: number
    readonly resourceName: string
    readonly configs: ReadonlyArray<{ readonly name: string; readonly value?: string | null | undefined }>
  }>
}

const topicResource = 2

const describe = ({
  settings,
  topics
}: DescribeConfigsRequest): [
  Array<{ resourceType: typeof topicResource; resourceName: string; configurationKeys: Array<string> }>,
  boolean,
  boolean
] => [
  topics.map((resourceName) => ({ resourceType: topicResource, resourceName, configurationKeys: [...settings] })),
  false,
  false
]

export const describeConfigs: Api<DescribeConfigsRequest, DescribeConfigsResponse> = {
  key: 32,
  name: "DescribeConfigs",
  versions: [
    version(describeConfigsV4.api, describe),
    version(describeConfigsV3.api, describe),
    version(describeConfigsV2.api, describe),
    version(describeConfigsV1.api, describe)
  ]
}
