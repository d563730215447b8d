import type { AnyProjection } from "../actor/projection.ts"
import type { TopicSpec } from "../kafka/kafka.ts"
import { ownTopics } from "../runtime/deadLetter.ts"

/** Where a projection's dead letters go: as many partitions as its first inbox, and room for the largest record of any. */
export const deadLetterTopic = ({ inboxes, name }: AnyProjection): TopicSpec => {
  const all = inboxes.map(({ spec }) => ownTopics(name, spec).deadLetters)
  return { ...all[0]!, maxMessageBytes: Math.max(...all.map(({ maxMessageBytes }) => maxMessageBytes!)) }
}
