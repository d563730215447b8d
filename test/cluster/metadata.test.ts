import { expect, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Latch } from "effect"
import { describe } from "vitest"
import type { Api } from "../../src/kafka/cluster/api.ts"
import { ConnectionError } from "../../src/kafka/cluster/connections.ts"
import type { Connections } from "../../src/kafka/cluster/connections.ts"
import * as Metadata from "../../src/kafka/cluster/metadata.ts"
import { settings } from "../../src/kafka/cluster/settings.ts"
import { Silence } from "../../src/kafka/cluster/silence.ts"
import { codeOf, inTime } from "./wire.ts"

const brokers = [1, 2].map((nodeId) => ({ nodeId, host: `broker-${nodeId}`, port: 9092 }))

/** What the brokers tell, as the test has it at the moment; each answer waits for `answering`. */
const cluster = Effect.fnUntraced(function* (errors: Readonly<Record<string, string>> = {}) {
  const answering = Latch.makeUnsafe(true)
  const asked: Array<ReadonlyArray<string>> = []
  const world = { leader: 1, isAway: false }
  const connections: Connections = {
    request: <Input, Output>(_: unknown, __: Api<Input, Output>, input: Input) =>
      Effect.gen(function* () {
        const names = input as ReadonlyArray<string>
        asked.push(names.toSorted())
        yield* answering.await
        if (world.isAway) return yield* new ConnectionError({ kind: "away", sent: true, message: "away" })
        return {
          brokers,
          clusterId: "c",
          controllerId: 1,
          topics: names.map((name) => ({
            name,
            errorCode: codeOf(errors[name] ?? "NONE"),
            topicId: name,
            partitions: [{ partitionIndex: 0, leaderId: world.leader, leaderEpoch: world.leader }]
          }))
        } as Output
      })
  }
  const all = settings({ brokers: ["broker-1:9092"] })
  const metadata = yield* Metadata.make(all, new Silence(yield* Clock.Clock), connections)
  return { answering, asked, metadata, world }
})

const topics = ["a", "b", "c", "d"]
/** Each by itself, at the same time. */
const refreshing = (metadata: Metadata.Metadata, names = topics) =>
  Effect.forEach(names, (name) => Effect.forkChild(Effect.result(metadata.refresh([name]))))

describe("a refresh of what is known", () => {
  it.effect("is made once for all who wait for one: each hears of its own topics what is true since it asked", () =>
    Effect.gen(function* () {
      const { answering, asked, metadata, world } = yield* cluster()
      yield* metadata.refresh(topics)
      asked.length = 0
      answering.closeUnsafe()
      const all = yield* refreshing(metadata)
      yield* Effect.repeat(Effect.yieldNow, { times: 20 })
      // One has been asked for already; what becomes true now, the others hear too.
      world.leader = 2
      answering.openUnsafe()
      yield* inTime(Fiber.joinAll(all))
      expect(topics.map((topic) => metadata.knownLeader(topic, 0)?.nodeId)).toEqual([2, 2, 2, 2])
      expect(asked).toEqual([["a"], ["b", "c", "d"]])
    })
  )

  it.effect("that nobody answers fails for all who wait for it", () =>
    Effect.gen(function* () {
      const { answering, metadata, world } = yield* cluster()
      yield* metadata.refresh(topics)
      answering.closeUnsafe()
      const all = yield* refreshing(metadata)
      yield* Effect.repeat(Effect.yieldNow, { times: 20 })
      world.isAway = true
      answering.openUnsafe()
      const results = yield* inTime(Fiber.joinAll(all))
      expect(results.map(({ _tag }) => _tag)).toEqual(topics.map(() => "Failure"))
      world.isAway = false
      yield* metadata.refresh(["a"])
    })
  )

  it.effect("that is refused for one topic is not refused for the others", () =>
    Effect.gen(function* () {
      const { metadata } = yield* cluster({ b: "TOPIC_AUTHORIZATION_FAILED" })
      const results = yield* Effect.flatMap(refreshing(metadata), (all) => inTime(Fiber.joinAll(all)))
      expect(results).toMatchObject([{}, { failure: { reason: "Unauthorized", topic: "b" } }, {}, {}])
      expect(results.map(({ _tag }) => _tag)).toEqual(["Success", "Failure", "Success", "Success"])
      expect(topics.map((topic) => metadata.known(topic)?.name)).toEqual(["a", undefined, "c", "d"])
    })
  )
})
