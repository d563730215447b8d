import { expect, it } from "@effect/vitest"
import { Clock, Effect, Option } from "effect"
import { TestClock } from "effect/testing"
import { describe } from "vitest"
import type { Api } from "../../src/kafka/cluster/api.ts"
import type { Broker, Connections } from "../../src/kafka/cluster/connections.ts"
import * as GroupOffsets from "../../src/kafka/cluster/group-offsets.ts"
import * as Metadata from "../../src/kafka/cluster/metadata.ts"
import type { MetadataResponse } from "../../src/kafka/cluster/metadata-api.ts"
import * as ReadRecord from "../../src/kafka/cluster/read-record.ts"
import { settings } from "../../src/kafka/cluster/settings.ts"
import { Silence } from "../../src/kafka/cluster/silence.ts"
import * as Topics from "../../src/kafka/cluster/topics.ts"
import { codeOf, inTime, metadata } from "./wire.ts"

/**
 * A broker that was cut off for a while (frozen, behind a dead switch) answers for a moment as if it still led what it led before, from
 * what it knew then.
 */
const two = [
  { nodeId: 1, host: "now", port: 9092 },
  { nodeId: 2, host: "then", port: 9092 }
]
const all = settings({ brokers: ["now:9092", "then:9092"] })

/** Each broker answers as its script says; `asked` lists who was asked for what. */
const scripted = (answer: (host: string, api: string, count: number) => unknown) => {
  const asked: Array<string> = []
  const connections: Connections = {
    request: <Input, Output>({ host }: { host: string }, { name }: Api<Input, Output>) =>
      Effect.sync(() => {
        asked.push(`${name} ${host}`)
        return answer(host, name, asked.filter((one) => one === `${name} ${host}`).length) as Output
      })
  }
  return { asked, connections }
}

const told = (leaderId: number, leaderEpoch: number, topicId?: string): MetadataResponse => ({
  brokers: two,
  clusterId: "c",
  controllerId: 1,
  topics: [
    {
      errorCode: 0,
      name: "t",
      ...(topicId !== undefined && { topicId }),
      partitions: [{ partitionIndex: 0, leaderId, leaderEpoch }]
    }
  ]
})

describe("a leader", () => {
  const learned = (answers: ReadonlyArray<MetadataResponse>) =>
    Effect.gen(function* () {
      let n = 0
      const { asked, connections } = scripted(() => answers[Math.min(n++, answers.length - 1)])
      const known = yield* Metadata.make(all, new Silence(yield* Clock.Clock), connections)
      for (let i = 1; i < answers.length; i++) yield* known.refresh(["t"])
      return { asked, leader: known.knownLeader("t", 0)?.nodeId }
    })

  it.effect("is the one of the latest epoch, whatever is told afterwards of an earlier one", () =>
    Effect.gen(function* () {
      const answers = [told(2, 4, "a"), told(1, 5, "a"), told(2, 4, "a")]
      expect((yield* learned(answers)).leader).toBe(1)
    })
  )

  it.effect("of a topic that was made again counts anew, and so does one of a broker without topic ids", () =>
    Effect.gen(function* () {
      expect((yield* learned([told(1, 5, "a"), told(1, 5, "a"), told(2, 0, "b")])).leader).toBe(2)
      expect((yield* learned([told(1, 5), told(1, 5), told(2, 0)])).leader).toBe(2)
    })
  )

  it.effect("is asked of another broker each time", () =>
    Effect.gen(function* () {
      const { asked } = yield* learned([told(1, 5, "a"), told(1, 5, "a"), told(1, 5, "a")])
      expect(asked).toEqual(["Metadata now", "Metadata then", "Metadata now"])
    })
  )
})

describe("a topic", () => {
  it.effect("that another broker has told of is there, though this one has not heard of it", () =>
    Effect.gen(function* () {
      const { connections } = scripted((host, api) => {
        if (api === "DescribeConfigs") return { results: [{ errorCode: 0, resourceName: "t", configs: [] }] }
        const unknown = { errorCode: codeOf("UNKNOWN_TOPIC_OR_PARTITION"), name: "t", partitions: [] }
        return host === "now" ? told(1, 5, "a") : { ...told(1, 5, "a"), topics: [unknown] }
      })
      const known = yield* Metadata.make(all, new Silence(yield* Clock.Clock), connections)
      const { describe } = Topics.make(all, known, connections)
      for (let n = 0; n < 4; n++) {
        expect((yield* inTime(describe(["t"]))).map(({ id }) => id)).toEqual(["a"])
      }
    })
  )

  it.effect("that nobody knows any more is not there", () =>
    Effect.gen(function* () {
      const unknown = { errorCode: codeOf("UNKNOWN_TOPIC_OR_PARTITION"), name: "t", partitions: [] }
      let isDeleted = false
      const { connections } = scripted((_, api) => {
        if (api === "DescribeConfigs") return { results: [{ errorCode: 0, resourceName: "t", configs: [] }] }
        return isDeleted ? { ...told(1, 5, "a"), topics: [unknown] } : told(1, 5, "a")
      })
      const known = yield* Metadata.make(all, new Silence(yield* Clock.Clock), connections)
      const { describe } = Topics.make(all, known, connections)
      yield* inTime(describe(["t"]))
      isDeleted = true
      expect(yield* inTime(describe(["t"]))).toEqual([])
    })
  )
})

describe("brokers that could be asked the same", () => {
  it.effect("are asked in turn, and last who has not answered of late, whoever asked him", () =>
    Effect.gen(function* () {
      const silence = new Silence(yield* Clock.Clock)
      const [a, b, c] = ["a", "b", "c"].map((host) => ({ host, port: 9092 })) as [Broker, Broker, Broker]
      const order = (turn: number) =>
        silence
          .inTurn([a, b, c], turn)
          .map(({ host }) => host)
          .join("")
      expect([0, 1, 2, 3].map(order)).toEqual(["abc", "bca", "cab", "abc"])
      silence.failed(b)
      expect([0, 1, 2].map(order)).toEqual(["acb", "cab", "acb"])
      silence.failed(a)
      silence.failed(c)
      expect(order(0)).toHaveLength(3)
      silence.answered(c)
      expect(order(1)).toBe("cab")
      yield* TestClock.adjust("30 seconds")
      expect(order(1)).toBe("bca")
    })
  )
})

describe("committed offsets", () => {
  const membership = { group: "g", memberId: "m", generation: 3 }
  const at = { topic: "inbox", partition: 0 }
  const offsets = (committedOffset: bigint) => ({
    errorCode: 0,
    topics: [{ name: "inbox", partitions: [{ partitionIndex: 0, committedOffset, errorCode: 0 }] }]
  })

  /** Both say that they coordinate; the one that was cut off is found first. */
  const committed = (error: string) =>
    Effect.gen(function* () {
      const { asked, connections } = scripted((host, api) =>
        api === "Heartbeat" ? { errorCode: host === "then" ? codeOf(error) : 0 } : offsets(host === "then" ? 5n : 9n)
      )
      const finds = [two[1]!, two[0]!]
      const next = () => Effect.sync(() => finds[0]!)
      const { committed } = GroupOffsets.make({
        settings: all,
        others: connections,
        coordinator: { find: next(), await: next, moved: () => void finds.shift() },
        group: "g",
        instanceId: null,
        membership: () => membership
      })
      return { asked, found: yield* inTime(committed([at])) }
    })

  it.effect.each(["ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID", "NOT_COORDINATOR"])(
    "are never asked of a broker that does not know the present generation: %s",
    (error) =>
      Effect.gen(function* () {
        const { asked, found } = yield* committed(error)
        expect(found).toEqual([{ ...at, offset: 9 }])
        expect(asked).not.toContain("OffsetFetch then")
      })
  )

  it.effect("are asked of the one that does, also while the group rebalances", () =>
    Effect.gen(function* () {
      expect((yield* committed("REBALANCE_IN_PROGRESS")).asked).toEqual(["Heartbeat then", "OffsetFetch then"])
    })
  )
})

describe("a record", () => {
  const fetched = (lastStableOffset: number) => ({
    errorCode: 0,
    partitions: [
      {
        topic: "t",
        partition: 0,
        errorCode: lastStableOffset < 0 ? codeOf("OFFSET_OUT_OF_RANGE") : 0,
        highWatermark: lastStableOffset,
        lastStableOffset,
        aborted: [],
        records: Buffer.alloc(0)
      }
    ]
  })
  const read = (ends: ReadonlyArray<number>, first = 0n) => {
    const begin = { topics: [{ partitions: [{ errorCode: 0, offset: first }] }] }
    const { asked, connections } = scripted((_, api, count) =>
      api === "Fetch" ? fetched(ends[Math.min(count, ends.length) - 1]!) : begin
    )
    const one = ReadRecord.make(all, metadata, connections)({ topic: "t", partition: 0, offset: 7 })
    return Effect.map(inTime(one), (found) => ({ asked: asked.length, there: Option.isSome(found) }))
  }

  it.effect("behind the end of the log is asked for again before it counts as missing", () =>
    Effect.gen(function* () {
      for (const end of [7, -1]) {
        const { asked, there } = yield* read([end])
        expect(there).toBe(false)
        expect(asked).toBeGreaterThan(3)
      }
    })
  )

  it.effect("that the log has passed over, or deleted, is missing at once", () =>
    Effect.gen(function* () {
      expect(yield* read([8])).toEqual({ asked: 1, there: false })
      expect(yield* read([-1], 8n)).toEqual({ asked: 2, there: false })
      expect(yield* read([7, 8])).toEqual({ asked: 2, there: false })
    })
  )
})
