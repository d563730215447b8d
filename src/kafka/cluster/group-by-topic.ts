import type { TopicPartition } from "../records.ts"

/** The protocol names a topic once, with its partitions. Topics and partitions keep the order they came in. */
export const groupByTopic = <A extends TopicPartition>(
  entries: Iterable<A>
): Array<[topic: string, entries: Array<A>]> => {
  const topics = new Map<string, Array<A>>()
  for (const entry of entries) {
    const group = topics.get(entry.topic)
    if (group === undefined) topics.set(entry.topic, [entry])
    else group.push(entry)
  }
  return [...topics]
}
