import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import type { Api } from "../../src/kafka/cluster/api.ts"
import type { Connections } from "../../src/kafka/cluster/connections.ts"
import type { JoinGroupRequest, SyncGroupRequest } from "../../src/kafka/cluster/group-api.ts"
import * as Member from "../../src/kafka/cluster/member.ts"
import type { Metadata } from "../../src/kafka/cluster/metadata.ts"
import { settings } from "../../src/kafka/cluster/settings.ts"
import { refused } from "../../src/kafka/cluster/protocol-error.ts"
import { partitionId } from "../../src/kafka/records.ts"
import { metadata } from "./wire.ts"

/** A coordinator whose group has one member, which leads it. */
const coordinator = () => {
  let generationId = 0
  const answers: Readonly<Record<string, (input: never) => unknown>> = {
    FindCoordinator: () => ({ coordinators: [{ nodeId: 1, host: "broker", port: 9092, errorCode: 0 }] }),
    JoinGroup: ({ subscription }: JoinGroupRequest) => ({
      errorCode: 0,
      generationId: ++generationId,
      leader: "m",
      memberId: "m",
      members: [{ memberId: "m", metadata: subscription }]
    }),
    SyncGroup: ({ assignments }: SyncGroupRequest) => ({ errorCode: 0, assignment: assignments[0]!.assignment }),
    Heartbeat: () => ({ errorCode: 0 }),
    LeaveGroup: () => ({ errorCode: 0 })
  }
  const connections: Connections = {
    request: <Input, Output>(_: unknown, { name }: Api<Input, Output>, input: Input) =>
      Effect.sync(() => answers[name]!(input as never) as Output)
  }
  return { joins: connections, others: connections }
}

/** What the member owns, as it hears of it, where the brokers say one after the other that its topic has so many partitions; 0: that there is none. */
const joined = Effect.fnUntraced(function* (told: ReadonlyArray<number>) {
  const owned = new Set<string>()
  let n = 0
  const topic: Metadata["topic"] = (name) =>
    Effect.suspend(() => {
      const length = told[Math.min(n++, told.length - 1)]!
      if (length === 0) return Effect.fail(refused("UNKNOWN_TOPIC_OR_PARTITION", name))
      return Effect.succeed({ name, id: name, partitions: Array.from({ length }, () => ({ leader: 1, epoch: 0 })) })
    })
  const known: Metadata = { ...metadata, topic }
  yield* Member.make(settings({ brokers: ["broker:9092"] }), known, coordinator(), {
    group: "g",
    topics: ["t"],
    listener: {
      beforeJoin: () => Effect.void,
      lost: () => Effect.void,
      assigned: ({ added }) =>
        Effect.sync(() => added.forEach(({ partition, topic }) => owned.add(partitionId(topic, partition))))
    }
  })
  yield* TestClock.adjust("2 seconds")
  return owned
})

const pass = Effect.repeat(TestClock.adjust("1 second"), { times: 60 })

describe("the leader of a group", () => {
  it.effect("hands out what a topic has grown by", () =>
    Effect.gen(function* () {
      const owned = yield* joined([1, 1, 2])
      expect([...owned]).toEqual(["t/0"])
      yield* pass
      expect([...owned]).toEqual(["t/0", "t/1"])
    }).pipe(Effect.scoped)
  )

  it.effect("hands out a topic that the brokers did not know when it was asked for", () =>
    Effect.gen(function* () {
      const owned = yield* joined([1, 0, 1])
      expect([...owned]).toEqual([])
      yield* pass
      expect([...owned]).toEqual(["t/0"])
    }).pipe(Effect.scoped)
  )
})
