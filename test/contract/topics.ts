import { Effect } from "effect"
import { expect } from "vitest"
import { unique } from "../broker/clients.ts"
import { at, newProcess, newTopic, record, someTime } from "./world.ts"
import type { Suite } from "./world.ts"

export const topics = (it: Suite): void => {
  it.effect("a topic is made once, by whoever comes first", () =>
    Effect.gen(function* () {
      const processes = [yield* newProcess, yield* newProcess]
      const spec = {
        name: unique("contract"),
        partitions: 3,
        cleanup: "compact,delete",
        retention: 86_400_000,
        maxMessageBytes: 5_000
      } as const
      yield* Effect.forEach(processes, ({ topics }) => topics.ensure([spec]), { concurrency: 2 })
      const [one, other] = yield* Effect.forEach(processes, ({ topics }) => topics.describe([spec.name]))
      expect(one).toEqual([{ ...spec, id: expect.stringMatching(/./) as string }])
      expect(other).toEqual(one)
      expect(yield* processes[0]!.topics.differences([spec])).toEqual([])
    })
  )

  it.effect("two topics never have the same id, and one that is missing is left out", () =>
    Effect.gen(function* () {
      const { topics } = yield* newProcess
      const names = [unique("contract"), unique("contract")]
      yield* topics.ensure(names.map((name) => ({ name, partitions: 1, cleanup: "delete" })))
      const described = yield* topics.describe([names[0]!, unique("missing"), names[1]!])
      expect(described.map(({ name }) => name).sort()).toEqual([...names].sort())
      expect(new Set(described.map(({ id }) => id)).size).toBe(2)
    })
  )

  it.effect("another number of partitions or clean-up policy than declared is an error that names both", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const name = yield* newTopic(kafka, { partitions: 2 })
      const grown = yield* Effect.flip(kafka.topics.ensure([{ name, partitions: 5, cleanup: "delete" }]))
      expect(grown).toMatchObject({ reason: "TopicMismatch", topic: name })
      expect(grown.message).toMatch(/partitions 2\b.*\b5$/)
      const compacted = yield* Effect.flip(kafka.topics.ensure([{ name, partitions: 2, cleanup: "compact" }]))
      expect(compacted).toMatchObject({ reason: "TopicMismatch", topic: name })
      expect(compacted.message).toMatch(/cleanup\.policy delete\b.*\bcompact$/)
      expect(yield* kafka.topics.describe([name])).toMatchObject([{ partitions: 2, cleanup: "delete" }])
    })
  )

  it.effect("what cannot be done as a whole is not begun: nothing is created beside a mismatch or a bad name", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const existing = { name: yield* newTopic(kafka, { partitions: 2 }), cleanup: "delete" } as const
      const missing = { name: unique("contract"), partitions: 1, cleanup: "delete" } as const
      for (const [wrong, reason] of [
        [{ ...existing, partitions: 3 }, "TopicMismatch"],
        [{ ...missing, name: "no/name" }, "Refused"]
      ] as const) {
        expect(yield* Effect.flip(kafka.topics.ensure([missing, wrong]))).toMatchObject({ reason })
        expect(yield* kafka.topics.describe([missing.name])).toEqual([])
      }
      yield* kafka.topics.ensure([missing, { ...existing, partitions: 2 }])
      expect(yield* kafka.topics.describe([missing.name])).toMatchObject([{ partitions: 1 }])
    })
  )

  it.effect("other differences are no error, and listed", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const name = yield* newTopic(kafka, { retention: 1_000_000 })
      const spec = { name, partitions: 1, cleanup: "delete", maxMessageBytes: 9_000 } as const
      yield* kafka.topics.ensure([spec])
      const missing = unique("missing")
      const differences = yield* kafka.topics.differences([spec, { ...spec, name: missing }])
      expect(differences).toEqual([
        { topic: name, setting: "retention.ms", expected: "for ever", actual: "1000000 ms" },
        { topic: name, setting: "max.message.bytes", expected: "9000", actual: "1048588" },
        { topic: missing, setting: "exists", expected: "yes", actual: "no" }
      ])
    })
  )

  it.effect("a name no broker takes is refused", () =>
    Effect.gen(function* () {
      const { topics } = yield* newProcess
      const error = yield* Effect.flip(topics.ensure([{ name: "no/name", partitions: 1, cleanup: "delete" }]))
      expect(error.reason).toBe("Refused")
      expect(error.message).toContain("no/name")
    })
  )

  it.effect("begin, end and the offset at a time are those of the log", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const where = at(yield* newTopic(kafka))
      const { beginOffset, endOffset, offsetAt } = kafka.topics
      expect([yield* beginOffset(where), yield* endOffset(where), yield* offsetAt(where, 0)]).toEqual([0, 0, 0])
      const producer = yield* kafka.producer
      // Not in the order of time: the first offset at or after it counts, wherever later ones are.
      for (const time of [10, 30, 20, 40]) {
        yield* producer.send([{ ...record(where, String(time)), timestamp: someTime + time }])
      }
      expect([yield* beginOffset(where), yield* endOffset(where)]).toEqual([0, 4])
      const found: Array<number> = []
      for (const time of [0, 10, 11, 20, 30, 31, 41]) found.push(yield* offsetAt(where, someTime + time))
      expect(found).toEqual([0, 0, 1, 1, 1, 3, 4])
    })
  )
}
