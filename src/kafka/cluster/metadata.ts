import { parseBroker } from "@platformatic/kafka"
import { Effect, Option, Semaphore } from "effect"
import { KafkaError } from "../errors.ts"
import { again, done, retrying } from "./backoff.ts"
import type { Attempt } from "./backoff.ts"
import { ConnectionError, securityOf } from "./connections.ts"
import type { Broker, Connections } from "./connections.ts"
import { metadata as metadataApi } from "./metadata-api.ts"
import { errorName, isTransient, refused } from "./protocol-error.ts"
import type { Settings } from "./settings.ts"
import type { Silence } from "./silence.ts"

/** Who leads a partition, as of `epoch`. */
export interface Leader {
  readonly nodeId: number
  readonly broker: Broker
  readonly epoch: number
}

export interface TopicMetadata {
  readonly name: string
  /** Unique per creation; the name itself where the broker has no topic ids (before Metadata 10). */
  readonly id: string
  /** By partition; a leader of -1 is not known at present. */
  readonly partitions: ReadonlyArray<{ readonly leader: number; readonly epoch: number }>
}

/** What the brokers last told of themselves. One for all clients of a layer; whoever finds it wrong has it asked again. */
export interface Metadata {
  readonly clusterId: string
  /** The one to ask this time what any broker can tell (see silence.ts). */
  readonly any: () => Broker
  readonly controller: () => Broker | undefined
  /** How many brokers there are: those that are down, and second addresses of the same one, do not count. */
  readonly size: () => number
  /** As last told, without asking. */
  readonly known: (topic: string) => TopicMetadata | undefined
  readonly knownLeader: (topic: string, partition: number) => Leader | undefined
  /** Asks once, any broker that answers, for these topics. Those the brokers do not know are forgotten. */
  readonly refresh: (topics: ReadonlyArray<string>) => Effect.Effect<void, ConnectionError | KafkaError>
  /** A topic that exists. Asks for a while before it says `TopicMissing`: a new topic is not known to every broker at once. */
  readonly topic: (name: string, patience?: number) => Effect.Effect<TopicMetadata, KafkaError>
  /** The leader of a partition that exists, waiting for an election where one is under way. */
  readonly leader: (topic: string, partition: number, patience?: number) => Effect.Effect<Leader, KafkaError>
}

/** Milliseconds for which brokers are asked for a topic that one of them does not know: it may be the one that was cut off. */
const doubt = 5_000

/** How many partitions the topics have: as the brokers say now, or said last; 0 where there is no such topic. */
export const partitionCounts = Effect.fnUntraced(function* (metadata: Metadata, names: ReadonlyArray<string>) {
  yield* Effect.ignore(metadata.refresh(names))
  const counted = Effect.fnUntraced(function* (name: string) {
    const found = yield* Effect.option(metadata.topic(name, doubt))
    return [name, Option.isSome(found) ? found.value.partitions.length : 0] as const
  })
  return new Map(yield* Effect.forEach(names, counted, { concurrency: "unbounded" }))
})

/** Times a topic may be unknown to the brokers before it counts as missing: about three seconds. */
const missingAfter = 7

/** Milliseconds a first answer is waited for. */
const firstPatience = 15_000

const noId = "00000000-0000-0000-0000-000000000000"

export const make = Effect.fnUntraced(function* (
  settings: Settings,
  silence: Silence,
  connections: Connections
): Effect.fn.Return<Metadata, KafkaError> {
  const bootstrap = settings.brokers.map((broker) => parseBroker(broker))
  const nodes = new Map<number, Broker>()
  const topics = new Map<string, TopicMetadata>()
  const turn = yield* Semaphore.make(1)
  /** Topics that somebody wants to know of, and what the brokers refuse to tell of some. */
  const wanted = new Set<string>()
  const refusals = new Map<string, KafkaError>()
  let clusterId = ""
  let controllerId = -1
  /** The last round of asking that was begun, and the last one that was answered. */
  let [begun, answered] = [0, 0]
  let asked = 0

  /** All that are known, in the order to ask them this time. */
  const brokers = (): ReadonlyArray<Broker> => {
    const all = [...nodes.values(), ...bootstrap]
    const distinct = all.filter(
      (one, index) => all.findIndex(({ host, port }) => host === one.host && port === one.port) === index
    )
    return silence.inTurn(distinct, asked++)
  }

  const askAny = Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
    const failures: Array<ConnectionError> = []
    for (const broker of brokers()) {
      const answer = yield* Effect.result(connections.request(broker, metadataApi, names))
      if (answer._tag === "Success") return answer.success
      failures.push(answer.failure)
    }
    const worst = failures.find(({ kind }) => kind !== "away") ?? failures[0]!
    return yield* new ConnectionError({
      kind: worst.kind,
      sent: true,
      message:
        failures.length === 1 ? worst.message : `no broker of ${settings.brokers.join(",")} answers: ${worst.message}`,
      cause: worst.cause
    })
  })

  const learn = Effect.fnUntraced(function* () {
    const round = ++begun
    const names = [...wanted]
    wanted.clear()
    const answer = yield* Effect.onError(askAny(names), () =>
      Effect.sync(() => names.forEach((name) => wanted.add(name)))
    )
    answered = round
    clusterId = answer.clusterId ?? clusterId
    controllerId = answer.controllerId
    nodes.clear()
    for (const { nodeId, host, port } of answer.brokers) nodes.set(nodeId, { host, port })
    for (const topic of answer.topics) {
      const name = topic.name ?? ""
      const error = errorName(topic.errorCode)
      refusals.delete(name)
      if (topic.errorCode === 0 || isTransient(error)) {
        const partitions: Array<{ leader: number; epoch: number }> = []
        const id = topic.topicId === undefined || topic.topicId === noId ? name : topic.topicId
        // Without an id a topic that was made again, with new epochs, looks the same.
        const before = id !== name && topics.get(name)?.id === id ? topics.get(name)!.partitions : []
        for (const { partitionIndex, leaderId, leaderEpoch } of topic.partitions) {
          const told = { leader: leaderId, epoch: leaderEpoch }
          const known = before[partitionIndex]
          // A broker that was cut off tells what was true before (KIP-320).
          partitions[partitionIndex] = known !== undefined && known.epoch > told.epoch ? known : told
        }
        if (partitions.length > 0) topics.set(name, { name, id, partitions })
      } else if (error === "UNKNOWN_TOPIC_OR_PARTITION" || error === "INVALID_TOPIC_EXCEPTION") {
        topics.delete(name)
      } else {
        refusals.set(name, refused(error, `Metadata of topic ${name}`, { topic: name }))
      }
    }
  })

  const refresh: Metadata["refresh"] = (names) =>
    Effect.suspend(() => {
      const before = begun
      for (const name of names) wanted.add(name)
      // Many find out about a leader's death at once: one asks for all who wait.
      return turn.withPermits(1)(Effect.suspend(() => (answered > before ? Effect.void : learn())))
    }).pipe(
      Effect.flatMap(() => {
        const refusal = names.map((name) => refusals.get(name)).find((found) => found !== undefined)
        return refusal === undefined ? Effect.void : Effect.fail(refusal)
      })
    )

  const knownLeader: Metadata["knownLeader"] = (topic, partition) => {
    const found = topics.get(topic)?.partitions[partition]
    const broker = found === undefined ? undefined : nodes.get(found.leader)
    return broker === undefined ? undefined : { nodeId: found!.leader, broker, epoch: found!.epoch }
  }

  const missing = (topic: string, partition?: number) =>
    refused(
      "UNKNOWN_TOPIC_OR_PARTITION",
      partition === undefined ? `topic ${topic}` : `partition ${partition} of topic ${topic}`,
      {
        topic,
        ...(partition === undefined ? {} : { partition })
      }
    )

  const topic: Metadata["topic"] = (name, patience = settings.patience) => {
    const known = topics.get(name)
    if (known !== undefined) return Effect.succeed(known)
    let unknownTimes = 0
    return retrying(
      patience,
      Effect.fnUntraced(function* (): Effect.fn.Return<Attempt<TopicMetadata>, ConnectionError | KafkaError> {
        yield* refresh([name])
        const found = topics.get(name)
        if (found !== undefined) return done(found)
        if (unknownTimes++ >= missingAfter) return yield* missing(name)
        return again(missing(name))
      })
    )
  }

  const leader: Metadata["leader"] = Effect.fnUntraced(function* (name, partition, patience = settings.patience) {
    const known = knownLeader(name, partition)
    if (known !== undefined) return known
    const { partitions } = yield* topic(name, patience)
    if (partitions[partition] === undefined) return yield* missing(name, partition)
    return yield* retrying(
      patience,
      Effect.fnUntraced(function* (n: number): Effect.fn.Return<Attempt<Leader>, ConnectionError | KafkaError> {
        if (n > 0) yield* refresh([name])
        const found = knownLeader(name, partition)
        return found !== undefined
          ? done(found)
          : again(
              new KafkaError({
                reason: "Unavailable",
                message: `partition ${partition} of topic ${name} has no leader`,
                topic: name,
                partition
              })
            )
      })
    )
  })

  // The last round takes as long as each address takes not to answer: with three of them all is said within half a minute.
  yield* retrying(Math.min(settings.patience, firstPatience), () => Effect.as(refresh([]), done(undefined))).pipe(
    // A broker that wants TLS or SASL and gets neither just closes the connection.
    Effect.mapError((error) =>
      error.reason === "Unavailable"
        ? new KafkaError({
            reason: error.reason,
            message: `${error.message} (${securityOf(settings)})`,
            cause: error.cause
          })
        : error
    )
  )
  return {
    clusterId,
    any: () => brokers()[0]!,
    controller: () => nodes.get(controllerId),
    size: () => nodes.size,
    known: (name) => topics.get(name),
    knownLeader,
    refresh,
    topic,
    leader
  }
})
