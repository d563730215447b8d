import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type { Api } from "../../src/kafka/cluster/api.ts"
import { ConnectionError } from "../../src/kafka/cluster/connections.ts"
import type { Connections } from "../../src/kafka/cluster/connections.ts"
import type { Metadata } from "../../src/kafka/cluster/metadata.ts"
import type { ProduceRequest } from "../../src/kafka/cluster/produce-api.ts"
import { errorName } from "../../src/kafka/cluster/protocol-error.ts"
import type { TopicPartition } from "../../src/kafka/records.ts"

/** The protocol's code of an error's name. */
export const codeOf = (name: string): number => {
  for (let code = -1; code < 200; code++) if (errorName(code) === name) return code
  throw new Error(`the protocol has no ${name}`)
}

/** What becomes of a request instead of a good answer: an error's name, no answer, or no connection. */
export type Trouble = string
export const noAnswer = "no answer"
export const noConnection = "no connection"

/** A request as it went out. */
export interface Asked {
  readonly api: string
  readonly input: unknown
}

const broker = { host: "broker", port: 9092 }
const node = { nodeId: 1, ...broker }

/** All partitions are led by one broker. */
export const metadata: Metadata = {
  clusterId: "wire",
  any: () => broker,
  controller: () => broker,
  size: () => 1,
  known: (name) => ({ name, id: name, partitions: Array.from({ length: 8 }, () => ({ leader: 1, epoch: 0 })) }),
  knownLeader: () => ({ nodeId: 1, broker, epoch: 0 }),
  refresh: () => Effect.void,
  topic: (name) => Effect.succeed({ name, id: name, partitions: [{ leader: 1, epoch: 0 }] }),
  leader: () => Effect.succeed({ nodeId: 1, broker, epoch: 0 })
}

const topics = (partitions: ReadonlyArray<TopicPartition>, errorCode: number) =>
  partitions.map(({ partition, topic }) => ({ name: topic, partitions: [{ partitionIndex: partition, errorCode }] }))

/** A well-formed answer with this error code. */
const answers: Readonly<Record<string, (input: never, errorCode: number) => unknown>> = {
  FindCoordinator: (_, errorCode) => ({ coordinators: [{ ...node, errorCode }] }),
  InitProducerId: (_, errorCode) => ({ errorCode, producerId: 7n, producerEpoch: 0 }),
  AddPartitionsToTxn: ({ partitions }: { partitions: ReadonlyArray<TopicPartition> }, partitionErrorCode) => ({
    resultsByTransaction: [
      {
        topicResults: partitions.map(({ partition, topic }) => ({
          name: topic,
          resultsByPartition: [{ partitionIndex: partition, partitionErrorCode }]
        }))
      }
    ]
  }),
  AddOffsetsToTxn: (_, errorCode) => ({ errorCode }),
  Produce: ({ partitions }: ProduceRequest, errorCode) =>
    partitions.map(({ partition, topic }) => ({ topic, partition, errorCode, baseOffset: 0, message: null })),
  TxnOffsetCommit: ({ committed }: { committed: ReadonlyArray<TopicPartition> }, errorCode) => ({
    topics: topics(committed, errorCode)
  }),
  EndTxn: (_, errorCode) => ({ errorCode })
}

/**
 * Connections without sockets: each request of an API meets the next of its troubles, and none once they are used up. `gate`
 * holds an answer back.
 */
export const wire = (
  troubles: Readonly<Record<string, ReadonlyArray<Trouble>>> = {},
  gate: (asked: Asked) => Effect.Effect<void> = () => Effect.void
) => {
  const asked: Array<Asked> = []
  const counts = new Map<string, number>()
  const request = <Input, Output>(_: unknown, api: Api<Input, Output>, input: Input) =>
    Effect.suspend(() => {
      const count = counts.get(api.name) ?? 0
      counts.set(api.name, count + 1)
      const trouble = troubles[api.name]?.[count]
      const one = { api: api.name, input }
      if (trouble === noConnection)
        return Effect.fail(new ConnectionError({ kind: "away", sent: false, message: trouble }))
      asked.push(one)
      if (trouble === noAnswer) return Effect.fail(new ConnectionError({ kind: "away", sent: true, message: trouble }))
      const answer = answers[api.name]!(input as never, trouble === undefined ? 0 : codeOf(trouble)) as Output
      return Effect.as(gate(one), answer)
    })
  const connections: Connections = { request }
  const inputs = (api: string) => asked.filter((one) => one.api === api).map(({ input }) => input)
  return { asked, connections, inputs }
}

/** Runs to its end while time goes by as fast as it can. */
export const inTime = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  const fiber = yield* Effect.forkChild(effect)
  yield* Effect.raceFirst(Effect.exit(Fiber.join(fiber)), Effect.forever(TestClock.adjust(100)))
  return yield* Fiber.join(fiber)
})
