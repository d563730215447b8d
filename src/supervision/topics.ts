import { Result } from "effect"
import { statusLatestTopic, statusTopic } from "../actor/status.ts"
import { isRoutes } from "../actor/topology.ts"
import type { AnyNode, AnyTopology } from "../actor/topology.ts"
import type { TopicSpec } from "../kafka/kafka.ts"
import { deadLetterTopic } from "../projection/topics.ts"
import { ownTopics } from "../runtime/deadLetter.ts"
import { membersTopic } from "./members.ts"
import { TopologyError } from "./plan.ts"

/** What a node reads and writes, and the topics that are its own; a store's are its writer's. */
const topicsOf = (node: AnyNode): ReadonlyArray<TopicSpec> => {
  if (isRoutes(node)) return []
  if (node.kind === "kv") return topicsOf(node.writer)
  if (node.kind === "projection") {
    return [...node.inboxes.map(({ spec }) => spec), deadLetterTopic(node)]
  }
  const { emits, inbox } = node.definition
  const { changelog, deadLetters } = ownTopics(node.name, inbox.spec)
  return [inbox.spec, ...emits.map(({ spec }) => spec), changelog, deadLetters]
}

const differ = (a: TopicSpec, b: TopicSpec): keyof TopicSpec | undefined =>
  (["partitions", "cleanup", "retention", "maxMessageBytes"] as const).find((setting) => a[setting] !== b[setting])

/** Every topic the topology declares, once, also of nodes that do not run here. Two declarations that differ are an error. */
export const declaredTopics = (topology: AnyTopology): Result.Result<ReadonlyArray<TopicSpec>, TopologyError> => {
  const specs = new Map<string, TopicSpec>()
  for (const spec of [statusTopic, statusLatestTopic, membersTopic, ...topology.nodes.flatMap(topicsOf)]) {
    const known = specs.get(spec.name)
    const setting = known && differ(known, spec)
    if (setting !== undefined) {
      const message = `topic ${spec.name} is declared with ${setting} ${known![setting]} and ${spec[setting]}`
      return Result.fail(new TopologyError({ reason: "TopicConflict", message }))
    }
    specs.set(spec.name, spec)
  }
  return Result.succeed([...specs.values()])
}
