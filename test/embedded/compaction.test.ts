import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as Embedded from "../../src/kafka/embedded/embedded.ts"
import type { TopicSpec } from "../../src/kafka/kafka.ts"
import type { ProducerRecord } from "../../src/kafka/records.ts"
import { text } from "../broker/clients.ts"
import { seeded, seeds } from "../cluster/seeded.ts"
import { at, read, readBatches } from "../contract/world.ts"

const where = at("t")
const note = (key: string | null, value: string | null, timestamp = 0): ProducerRecord => ({
  ...where,
  key: key === null ? null : Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
  headers: [],
  timestamp
})

const day = 24 * 60 * 60 * 1000

const open = Effect.fnUntraced(function* (spec: Partial<TopicSpec>) {
  const { client, control } = yield* Embedded.make()
  const { kafka } = client("test")
  yield* kafka.topics.ensure([{ name: "t", partitions: 1, cleanup: "compact", ...spec }])
  const producer = yield* kafka.producer
  const left = Effect.map(read(kafka, where), (records) =>
    records.map(({ key, offset, value }) => `${offset} ${text(key)}=${text(value)}`)
  )
  return { client, control, kafka, left, send: (...records: ReadonlyArray<ProducerRecord>) => producer.send(records) }
})

describe("compaction", () => {
  it.effect("keeps the last value of every key at its offset, and the end of the log", () =>
    Effect.gen(function* () {
      const { control, kafka, left, send } = yield* open({})
      yield* send(note("a", "1"), note("b", "1"), note("a", "2"), note("c", "1"), note("b", "2"))
      yield* send(note("a", "3"))
      yield* control.clean
      expect(yield* left).toEqual(["3 c=1", "4 b=2", "5 a=3"])
      expect(yield* kafka.topics.endOffset(where)).toBe(6)
      expect((yield* kafka.read({ ...where, offset: 0 }))._tag).toBe("None")
      expect((yield* kafka.read({ ...where, offset: 4 }))._tag).toBe("Some")
      expect(yield* send(note("c", "2"))).toEqual([6])
      const batches = yield* readBatches(kafka, where)
      batches.forEach(({ fromOffset }, i) => expect(fromOffset).toBe(i === 0 ? 0 : batches[i - 1]!.nextOffset))
      expect(batches.at(-1)!.nextOffset).toBe(7)
    })
  )

  it.effect("keeps a tombstone for a day after it was met first, and then its key is gone", () =>
    Effect.gen(function* () {
      const { control, left, send } = yield* open({})
      yield* send(note("a", "1"), note("b", "1"), note("a", null))
      yield* control.clean
      expect(yield* left).toEqual(["1 b=1", "2 a=null"])
      yield* TestClock.adjust(day - 1)
      yield* control.clean
      expect(yield* left).toEqual(["1 b=1", "2 a=null"])
      yield* TestClock.adjust(1)
      yield* control.clean
      expect(yield* left).toEqual(["1 b=1"])
    })
  )

  it.effect("a tombstone's day is not begun anew by what is cleaned meanwhile", () =>
    Effect.gen(function* () {
      const { control, left, send } = yield* open({})
      yield* send(note("a", null))
      yield* control.clean
      yield* TestClock.adjust(day / 2)
      yield* send(note("b", "1"))
      yield* control.clean
      yield* TestClock.adjust(day / 2)
      yield* control.clean
      expect(yield* left).toEqual(["1 b=1"])
    })
  )

  it.effect("a key that came back after its tombstone stays", () =>
    Effect.gen(function* () {
      const { control, left, send } = yield* open({})
      yield* send(note("a", null))
      yield* control.clean
      yield* TestClock.adjust(day)
      yield* send(note("a", "again"))
      yield* control.clean
      expect(yield* left).toEqual(["1 a=again"])
    })
  )

  it.effect("drops what was aborted, and never goes past an open transaction", () =>
    Effect.gen(function* () {
      const { client, control, kafka, left, send } = yield* open({})
      yield* control.intercept(({ client, kind }) =>
        Effect.succeed(client === "stuck" && kind === "end" ? "fail" : "pass")
      )
      const stuck = yield* client("stuck").kafka.transactor({ transactionalId: "x" })
      yield* send(note("a", "1"))
      yield* Effect.flip(stuck.commit({ records: [note("a", "open")] }))
      yield* send(note("a", "2"))
      yield* control.clean
      // The open one may yet commit or not, and what follows it is not stable: the older value is the last known.
      expect((yield* kafka.read({ ...where, offset: 0 }))._tag).toBe("Some")
      yield* kafka.transactor({ transactionalId: "x" })
      yield* control.clean
      expect(yield* left).toEqual(["2 a=2"])
      expect((yield* read(kafka, where, { isolation: "uncommitted" })).map(({ offset }) => offset)).toEqual([2])
    })
  )

  it.effect.each(seeds(20))("is a map's last values, whatever was written and when it was cleaned (seed %i)", (seed) =>
    Effect.gen(function* () {
      const random = seeded(seed)
      const { control, kafka, send } = yield* open({})
      const model = new Map<string, string | null>()
      for (let i = 0; i < 40; i++) {
        const records = Array.from({ length: 1 + random.int(20) }, () => {
          const key = `k${random.int(12)}`
          return note(key, random.chance(0.2) ? null : `v${random.int(1_000)}`)
        })
        yield* send(...records)
        for (const { key, value } of records) model.set(text(key), value && text(value))
        if (random.chance(0.3)) yield* control.clean
        if (random.chance(0.2)) yield* TestClock.adjust(day / 2)
      }
      yield* control.clean
      yield* TestClock.adjust(day)
      yield* control.clean
      const left = (yield* read(kafka, where)).map(({ key, value }) => [text(key), value && text(value)] as const)
      expect(left.map(([key]) => key).sort()).toEqual([...new Map(left).keys()].sort())
      expect(new Map(left)).toEqual(new Map([...model].filter(([, value]) => value !== null)))
    })
  )
})

describe("retention", () => {
  it.effect("drops what is older, from the beginning, and says what is left", () =>
    Effect.gen(function* () {
      const { control, kafka, left, send } = yield* open({ cleanup: "delete", retention: 1_000 })
      yield* send(note(null, "old", 0))
      yield* send(note(null, "new", 5_000))
      yield* TestClock.adjust(1_500)
      yield* control.clean
      expect(yield* left).toEqual(["1 null=new"])
      expect(yield* kafka.topics.beginOffset(where)).toBe(1)
      const reader = yield* kafka.reader()
      yield* reader.seek(where, 0)
      const error = yield* Effect.flip(reader.poll)
      expect(error).toMatchObject({ reason: "OffsetOutOfRange", topic: "t" })
      expect(error.message).toContain("1 to 2")
    })
  )

  it.effect("touches no topic without it, and none that only compacts", () =>
    Effect.gen(function* () {
      for (const spec of [{ cleanup: "delete" }, { cleanup: "compact", retention: 1 }] as const) {
        const { control, left, send } = yield* open(spec)
        yield* send(note("a", "1"))
        yield* TestClock.adjust(100 * day)
        yield* control.clean
        expect(yield* left).toEqual(["0 a=1"])
      }
    })
  )
})
