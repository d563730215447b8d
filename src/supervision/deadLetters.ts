import { Effect } from "effect"
import type { Scope } from "effect"
import { actorOf, isRoutes } from "../actor/topology.ts"
import type { AnyTopology } from "../actor/topology.ts"
import type { KafkaError } from "../kafka/errors.ts"
import { Kafka } from "../kafka/kafka.ts"
import type { TopicSpec } from "../kafka/kafka.ts"
import type { Batch } from "../kafka/records.ts"
import { deadLetterTopic } from "../projection/topics.ts"
import { doneWith, ownTopics } from "../runtime/deadLetter.ts"

/** The node that follows the dead letters of all others, in every process; it has no table. */
export const deadLettersView = "dead-letters-view"

/** The topics of dead letters, by the actor whose they are. */
export const deadLetterTopics = (topology: AnyTopology): ReadonlyMap<string, TopicSpec> =>
  new Map(
    topology.nodes.flatMap((node) => {
      if (!isRoutes(node) && node.kind === "projection") return [[node.name, deadLetterTopic(node)] as const]
      const actor = actorOf(node)
      return actor === undefined
        ? []
        : [[actor.name, ownTopics(actor.name, actor.definition.inbox.spec).deadLetters] as const]
    })
  )

/** Where a dead letter lies in its topic. */
export interface Place {
  readonly partition: number
  readonly offset: number
}

/** The dead letters that nobody has replayed or discarded yet, by topic. What a program that has just started has not read yet is missing. */
export interface OpenLetters {
  count(topic: string): number
  /** At most `limit` of them behind a place, ordered by partition and offset. */
  behind(topic: string, place: Place | undefined, limit: number): ReadonlyArray<Place>
}

/** Letters of one partition that are listed; of those beyond, only the number is known until some are done with. */
const mostListed = 100_000

interface Open {
  /** In order. */
  readonly offsets: Set<number>
  unlisted: number
}

/** What is open of one topic, by partition. Pure. */
export class TopicLetters {
  private readonly partitions = new Map<number, Open>()
  private readonly most: number

  constructor(most = mostListed) {
    this.most = most
  }

  take({ partition, records }: Pick<Batch, "partition" | "records">): void {
    let open = this.partitions.get(partition)
    if (open === undefined) {
      open = { offsets: new Set(), unlisted: 0 }
      this.partitions.set(partition, open)
    }
    for (const record of records) {
      const done = doneWith(record)
      if (done === undefined) {
        if (open.offsets.size < this.most) open.offsets.add(record.offset)
        else open.unlisted++
      } else if (!open.offsets.delete(done) && open.unlisted > 0) open.unlisted--
    }
  }

  get count(): number {
    let count = 0
    for (const { offsets, unlisted } of this.partitions.values()) count += offsets.size + unlisted
    return count
  }

  behind(place: Place | undefined, limit: number): ReadonlyArray<Place> {
    const found: Array<Place> = []
    const numbers = [...this.partitions.keys()].toSorted((a, b) => a - b)
    for (const partition of numbers) {
      if (place !== undefined && partition < place.partition) continue
      const after = place?.partition === partition ? place.offset : -1
      for (const offset of this.partitions.get(partition)!.offsets) {
        if (offset <= after) continue
        if (found.length === limit) return found
        found.push({ partition, offset })
      }
    }
    return found
  }
}

/** What follows dead letters, and what it knows of them. */
export interface View {
  readonly open: OpenLetters
  /** Reads on until it fails; begun again, it reads everything anew. */
  readonly run: Effect.Effect<never, KafkaError, Kafka | Scope.Scope>
}

/**
 * Follows dead-letter topics, of all processes' actors: offsets would count transaction markers too. Dead letters are few; one
 * reader over all of them.
 */
export const view = (topics: ReadonlyArray<TopicSpec>): View => {
  const open = new Map<string, TopicLetters>()
  return {
    open: {
      count: (topic) => open.get(topic)?.count ?? 0,
      behind: (topic, place, limit) => open.get(topic)?.behind(place, limit) ?? []
    },
    run: Effect.gen(function* () {
      open.clear()
      const kafka = yield* Kafka
      const reader = yield* kafka.reader({ maxBytes: 65_536 })
      for (const { name: topic, partitions } of topics) {
        open.set(topic, new TopicLetters())
        for (let partition = 0; partition < partitions; partition++) {
          yield* reader.seek({ topic, partition }, yield* kafka.topics.beginOffset({ topic, partition }))
        }
      }
      while (true) for (const batch of yield* reader.poll) open.get(batch.topic)?.take(batch)
    })
  }
}
