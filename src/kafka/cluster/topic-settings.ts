import type { TopicDescription, TopicDifference, TopicSpec } from "../kafka.ts"

/** Kafka's default for the largest record batch: 1 MiB and the batch's overhead. */
export const defaultMaxMessageBytes = 1_048_588

/** Milliseconds a tombstone stays for readers that were behind; a day, which is also Kafka's default. */
const tombstones = 24 * 60 * 60 * 1000

/** Milliseconds after which a record must be compacted: Redpanda and Kafka compact closed segments only, and this closes them. */
const compactionLag = 60 * 60 * 1000

const compacts = ({ cleanup }: TopicSpec) => cleanup !== "delete"
const deletes = ({ cleanup }: TopicSpec) => cleanup !== "compact"

/** The topic's settings at its creation, by the names Kafka and Redpanda share. */
export const configsOf = (topic: TopicSpec, replicas: number): Readonly<Record<string, string>> => ({
  "cleanup.policy": topic.cleanup,
  "max.message.bytes": String(topic.maxMessageBytes ?? defaultMaxMessageBytes),
  ...(deletes(topic) ? { "retention.ms": String(topic.retention ?? -1), "retention.bytes": "-1" } : {}),
  ...(compacts(topic)
    ? { "delete.retention.ms": String(tombstones), "max.compaction.lag.ms": String(compactionLag) }
    : {}),
  // What one broker alone has acknowledged can be lost with it.
  ...(replicas >= 3 ? { "min.insync.replicas": "2" } : {})
})

/** The settings `description` reads. */
export const described: ReadonlyArray<string> = ["cleanup.policy", "retention.ms", "max.message.bytes"]

const cleanupOf = (policy: string): TopicSpec["cleanup"] => {
  const parts = new Set(policy.split(",").map((part) => part.trim()))
  if (!parts.has("compact")) return "delete"
  return parts.has("delete") ? "compact,delete" : "compact"
}

export const description = (
  topic: { readonly name: string; readonly id: string; readonly partitions: number },
  configs: ReadonlyMap<string, string>
): TopicDescription => {
  const cleanup = cleanupOf(configs.get("cleanup.policy") ?? "delete")
  const retention = Number(configs.get("retention.ms") ?? -1)
  return {
    ...topic,
    cleanup,
    ...(cleanup === "compact" || retention < 0 ? {} : { retention }),
    maxMessageBytes: Number(configs.get("max.message.bytes") ?? defaultMaxMessageBytes)
  }
}

const duration = (milliseconds: number | undefined) => (milliseconds === undefined ? "for ever" : `${milliseconds} ms`)

/** How a topic differs from its declaration; `undefined` where it does not exist. */
export const differences = (topic: TopicSpec, actual: TopicDescription | undefined): ReadonlyArray<TopicDifference> => {
  if (actual === undefined) return [{ topic: topic.name, setting: "exists", expected: "yes", actual: "no" }]
  const compared: ReadonlyArray<readonly [setting: string, expected: string, actual: string]> = [
    ["partitions", String(topic.partitions), String(actual.partitions)],
    ["cleanup.policy", topic.cleanup, actual.cleanup],
    ["retention.ms", deletes(topic) ? duration(topic.retention) : "", deletes(topic) ? duration(actual.retention) : ""],
    ["max.message.bytes", String(topic.maxMessageBytes ?? defaultMaxMessageBytes), String(actual.maxMessageBytes)]
  ]
  return compared
    .filter(([, expected, actual]) => expected !== actual)
    .map(([setting, expected, actual]) => ({ topic: topic.name, setting, expected, actual }))
}
