/**
 * The highest API versions Redpanda speaks, from its documentation: the contract also runs with Apache Kafka held to them.
 * There fetches name topics, groups are classic and transactions are those before KIP-890.
 */
export const redpandaVersions: Readonly<Record<string, number>> = {
  Produce: 7,
  Fetch: 11,
  ListOffsets: 4,
  Metadata: 8,
  OffsetCommit: 7,
  OffsetFetch: 7,
  FindCoordinator: 3,
  JoinGroup: 6,
  Heartbeat: 4,
  LeaveGroup: 4,
  SyncGroup: 4,
  CreateTopics: 6,
  InitProducerId: 4,
  AddPartitionsToTxn: 3,
  AddOffsetsToTxn: 3,
  EndTxn: 3,
  TxnOffsetCommit: 3,
  DescribeConfigs: 4
}
