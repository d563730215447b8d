import { Effect } from "effect"
import type { Scope } from "effect"
import { actorOf, isRoutes } from "../actor/topology.ts"
import type { AnyTopology } from "../actor/topology.ts"
import type { KafkaError } from "../kafka/errors.ts"
import { Kafka } from "../kafka/kafka.ts"
import type { Reader, TopicSpec } from "../kafka/kafka.ts"
import type { Batch, KafkaRecord } from "../kafka/records.ts"
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
  /** When the oldest of them was given up, in milliseconds since the epoch. */
  oldest(topic: string): number | undefined
  /** At most `limit` of them behind a place, ordered by partition and offset. */
  behind(topic: string, place: Place | undefined, limit: number): ReadonlyArray<Place>
}

/** Letters of one partition that are listed; of those beyond, only the number is known until some are done with. */
const mostListed = 100_000

/** How often is looked what the log has deleted by time. */
const lookEvery = "1 day"

/** Whoever writes a record says when: what is no time of a `Date` is brought to the nearest. */
const instantOf = ({ timestamp }: KafkaRecord): number => Math.min(Math.max(timestamp, 0), 8.64e15)

interface Open {
  /** When each was written, by offset, in order. */
  readonly letters: Map<number, number>
  unlisted: number
  /** Behind the last one taken. */
  end: number
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
      open = { letters: new Map(), unlisted: 0, end: 0 }
      this.partitions.set(partition, open)
    }
    for (const record of records) {
      const done = doneWith(record)
      if (done === undefined) {
        if (open.letters.size < this.most) open.letters.set(record.offset, instantOf(record))
        else open.unlisted++
      } else if (!open.letters.delete(done) && open.unlisted > 0) open.unlisted--
      open.end = record.offset + 1
    }
  }

  /** The partitions that have any. */
  get some(): ReadonlyArray<number> {
    return [...this.partitions].flatMap(([partition, { letters, unlisted }]) =>
      letters.size + unlisted > 0 ? [partition] : []
    )
  }

  /** The log begins at this offset now: what was before has been deleted. */
  forget(partition: number, begin: number): void {
    const open = this.partitions.get(partition)
    if (open === undefined) return
    for (const offset of open.letters.keys()) {
      if (offset >= begin) break
      open.letters.delete(offset)
    }
    if (begin >= open.end) open.unlisted = 0
  }

  get count(): number {
    let count = 0
    for (const { letters, unlisted } of this.partitions.values()) count += letters.size + unlisted
    return count
  }

  get oldest(): number | undefined {
    const first = [...this.partitions.values()].flatMap(({ letters }) => letters.values().next().value ?? [])
    return first.length === 0 ? undefined : Math.min(...first)
  }

  behind(place: Place | undefined, limit: number): ReadonlyArray<Place> {
    const found: Array<Place> = []
    const numbers = [...this.partitions.keys()].toSorted((a, b) => a - b)
    for (const partition of numbers) {
      if (place !== undefined && partition < place.partition) continue
      const after = place?.partition === partition ? place.offset : -1
      for (const offset of this.partitions.get(partition)!.letters.keys()) {
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
  /** The broker that it waits for, if it does. */
  readonly away: Reader["away"]
  /** Reads on until it fails; begun again, it reads everything anew. */
  readonly run: Effect.Effect<never, KafkaError, Kafka | Scope.Scope>
}

/**
 * Follows dead-letter topics, of all processes' actors: offsets would count transaction markers too. Dead letters are few; one
 * reader over all of them.
 */
export const view = (topics: ReadonlyArray<TopicSpec>): View => {
  const open = new Map<string, TopicLetters>()
  let away: Reader["away"] = () => undefined
  return {
    away: () => away(),
    open: {
      count: (topic) => open.get(topic)?.count ?? 0,
      oldest: (topic) => open.get(topic)?.oldest,
      behind: (topic, place, limit) => open.get(topic)?.behind(place, limit) ?? []
    },
    run: Effect.gen(function* () {
      open.clear()
      const kafka = yield* Kafka
      const reader = yield* kafka.reader({ maxBytes: 65_536 })
      away = reader.away
      for (const { name: topic, partitions } of topics) {
        open.set(topic, new TopicLetters())
        for (let partition = 0; partition < partitions; partition++) {
          yield* reader.seek({ topic, partition }, yield* kafka.topics.beginOffset({ topic, partition }))
        }
      }
      const forget = Effect.gen(function* () {
        for (const [topic, letters] of open) {
          for (const partition of letters.some) {
            letters.forget(partition, yield* kafka.topics.beginOffset({ topic, partition }))
          }
        }
      })
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(lookEvery), Effect.ignore(forget))))
      while (true) for (const batch of yield* reader.poll) open.get(batch.topic)?.take(batch)
    })
  }
}
