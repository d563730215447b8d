import { Clock, Effect, Fiber, Option } from "effect"
import { expect } from "vitest"
import { at, expire, newProcess, newTopic, record, someTime, stillWaits, take, values } from "./world.ts"
import type { Client, Suite } from "./world.ts"

/** A topic with the same ten records, one batch each, in every partition: `partition/offset`. */
const filled = Effect.fnUntraced(function* (kafka: Client, partitions: number, padding = "") {
  const topic = yield* newTopic(kafka, { partitions })
  const producer = yield* kafka.producer
  for (let offset = 0; offset < 10; offset++) {
    for (let partition = 0; partition < partitions; partition++) {
      yield* producer.send([record(at(topic, partition), `${partition}/${offset}${padding}`)])
    }
  }
  return topic
})

const from = (partition: number, first: number) =>
  Array.from({ length: 10 - first }, (_, i) => `${partition}/${first + i}`)

export const readers = (it: Suite): void => {
  it.effect("a poll waits for a record and brings it", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const where = at(yield* newTopic(kafka))
      const reader = yield* kafka.reader()
      yield* reader.seek(where, 0)
      const poll = yield* Effect.forkChild(reader.poll)
      expect(yield* stillWaits(poll)).toBe(true)
      yield* (yield* kafka.producer).send([record(where, "new")])
      const batches = yield* Fiber.join(poll)
      expect(batches).toMatchObject([{ ...where, fromOffset: 0, nextOffset: 1, endOffset: 1 }])
      expect(values(batches[0]!.records)).toEqual(["new"])
    })
  )

  it.effect("only partitions that were sought are read, from where they were sought", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const topic = yield* filled(kafka, 3)
      const reader = yield* kafka.reader()
      yield* reader.seek(at(topic, 0), 7)
      yield* reader.seek(at(topic, 2), 0)
      const batches = yield* take(reader, 13)
      expect(batches.every(({ partition }) => partition !== 1)).toBe(true)
      for (const [partition, first] of [
        [0, 7],
        [2, 0]
      ] as const) {
        const mine = batches.filter((batch) => batch.partition === partition)
        expect(values(mine.flatMap(({ records }) => records))).toEqual(from(partition, first))
      }
    })
  )

  it.effect("each batch begins where the one before it ended, and a poll has at most one per partition", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const topic = yield* filled(kafka, 3, "x".repeat(500))
      const reader = yield* kafka.reader({ maxBytes: 1_500 })
      const next = [0, 0, 0]
      for (const partition of [0, 1, 2]) yield* reader.seek(at(topic, partition), 0)
      while (next.some((offset) => offset < 10)) {
        const batches = yield* reader.poll
        expect(new Set(batches.map(({ partition }) => partition)).size).toBe(batches.length)
        for (const batch of batches) {
          expect(batch.fromOffset).toBe(next[batch.partition])
          for (const { offset } of batch.records) {
            expect(offset).toBeGreaterThanOrEqual(batch.fromOffset)
            expect(offset).toBeLessThan(batch.nextOffset)
          }
          next[batch.partition] = batch.nextOffset
        }
      }
      expect(next).toEqual([10, 10, 10])
    })
  )

  it.effect("a poll brings no more than maxBytes, but at least one record however large it is", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const topic = yield* filled(kafka, 2, "x".repeat(1_000))
      yield* (yield* kafka.producer).send([record(at(topic, 0), "y".repeat(50_000))])
      const reader = yield* kafka.reader({ maxBytes: 4_500 })
      yield* reader.seek(at(topic, 0), 0)
      yield* reader.seek(at(topic, 1), 0)
      let [count, most] = [0, 0]
      while (count < 21) {
        const records = (yield* reader.poll).flatMap((batch) => batch.records)
        count += records.length
        const bytes = records.reduce((sum, { value }) => sum + value!.length, 0)
        if (records.length > 1) expect(bytes).toBeLessThanOrEqual(4_500)
        most = Math.max(most, bytes)
      }
      expect(most).toBe(50_000)
    })
  )

  it.effect("partitions take turns: one that is far behind does not starve the others", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const topic = yield* filled(kafka, 3, "x".repeat(1_000))
      const reader = yield* kafka.reader({ maxBytes: 1_200 })
      for (const partition of [0, 1, 2]) yield* reader.seek(at(topic, partition), 0)
      const next = [0, 0, 0]
      // Until all three have been fetched, the first may be alone.
      while (next.some((offset) => offset === 0))
        for (const batch of yield* reader.poll) next[batch.partition] = batch.nextOffset
      const before = [...next]
      for (let polls = 0; polls < 3; polls++) {
        for (const batch of yield* reader.poll) next[batch.partition] = batch.nextOffset
      }
      const unfinished = [0, 1, 2].filter((partition) => before[partition]! < 10)
      expect(unfinished.filter((partition) => next[partition] === before[partition])).toEqual([])
    })
  )

  it.effect("a paused partition is held back, loses nothing, and costs the others nothing", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const topic = yield* filled(kafka, 2)
      const reader = yield* kafka.reader({ maxBytes: 60 })
      yield* reader.seek(at(topic, 0), 0)
      yield* reader.seek(at(topic, 1), 0)
      const first = yield* take(reader, 1)
      yield* reader.pause(at(topic, 0))
      const before = first.filter(({ partition }) => partition === 0).flatMap(({ records }) => records)
      const other = first.filter(({ partition }) => partition === 1).flatMap(({ records }) => records)
      const while_ = yield* take(reader, 10 - other.length)
      expect(while_.every(({ partition }) => partition === 1)).toBe(true)
      expect(values([...other, ...while_.flatMap(({ records }) => records)])).toEqual(from(1, 0))
      const poll = yield* Effect.forkChild(reader.poll)
      expect(yield* stillWaits(poll)).toBe(true)
      yield* reader.resume(at(topic, 0))
      const after = [...(yield* Fiber.join(poll))]
      const got = () => [...before, ...after.flatMap(({ records }) => records)]
      while (got().length < 10) after.push(...(yield* reader.poll))
      expect(values(got())).toEqual(from(0, 0))
    })
  )

  it.effect("seek drops what was fetched from elsewhere, in both directions", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const where = at(yield* filled(kafka, 1))
      const reader = yield* kafka.reader({ maxBytes: 100 })
      yield* reader.seek(where, 0)
      yield* take(reader, 1)
      yield* reader.seek(where, 8)
      expect(values((yield* take(reader, 2)).flatMap(({ records }) => records))).toEqual(from(0, 8))
      yield* reader.seek(where, 5)
      const [again] = yield* take(reader, 1)
      expect(again).toMatchObject({ fromOffset: 5 })
      expect(values(again!.records)[0]).toBe("0/5")
    })
  )

  it.effect("a partition that was stopped is read no more, and can be begun again", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const topic = yield* filled(kafka, 2)
      const reader = yield* kafka.reader({ maxBytes: 100 })
      yield* reader.seek(at(topic, 0), 0)
      yield* reader.seek(at(topic, 1), 0)
      yield* take(reader, 2)
      yield* reader.stop(at(topic, 0))
      const [batch] = yield* take(reader, 1)
      expect(batch!.partition).toBe(1)
      yield* reader.stop(at(topic, 1))
      const poll = yield* Effect.forkChild(reader.poll)
      expect(yield* stillWaits(poll)).toBe(true)
      yield* reader.seek(at(topic, 0), 9)
      expect(values((yield* Fiber.join(poll)).flatMap(({ records }) => records))).toEqual(["0/9"])
    })
  )

  it.effect("an offset that is not in the log is an error that says what is; the others can be read on", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const topic = yield* filled(kafka, 2)
      const reader = yield* kafka.reader()
      yield* reader.seek(at(topic, 0), 11)
      const error = yield* Effect.flip(reader.poll)
      expect(error).toMatchObject({ reason: "OffsetOutOfRange", topic, partition: 0 })
      expect(error.message).toMatch(/\b11\b.*\b0 to 10\b/)
      yield* reader.stop(at(topic, 0))
      yield* reader.seek(at(topic, 1), 0)
      expect(values((yield* take(reader, 10)).flatMap(({ records }) => records))).toEqual(from(1, 0))
    })
  )

  it.effect("what retention has taken is an error that says what is left; nobody begins elsewhere by himself", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const where = at(yield* newTopic(kafka, { retention: 1_000 }))
      const producer = yield* kafka.producer
      const reader = yield* kafka.reader()
      for (const value of ["a", "b", "c"]) yield* producer.send([record(where, value)])
      yield* expire(where)
      expect([yield* kafka.topics.beginOffset(where), yield* kafka.topics.endOffset(where)]).toEqual([3, 3])
      yield* producer.send([{ ...record(where, "new"), timestamp: yield* Clock.currentTimeMillis }])
      yield* reader.seek(where, 1)
      const error = yield* Effect.flip(reader.poll)
      expect(error).toMatchObject({ reason: "OffsetOutOfRange", ...where })
      expect(error.message).toMatch(/\boffset 1\b.*\b3 to 4\b/)
      expect((yield* kafka.read({ ...where, offset: 1 }))._tag).toBe("None")
      // Where to go on is the caller's decision.
      yield* reader.seek(where, 3)
      expect(values((yield* take(reader, 1)).flatMap(({ records }) => records))).toEqual(["new"])
    })
  )

  it.effect("the end of the log is in it: a reader may wait there", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const where = at(yield* filled(kafka, 1))
      const reader = yield* kafka.reader()
      yield* reader.seek(where, 10)
      const poll = yield* Effect.forkChild(reader.poll)
      expect(yield* stillWaits(poll)).toBe(true)
      yield* (yield* kafka.producer).send([record(where, "next")])
      expect(values((yield* Fiber.join(poll)).flatMap(({ records }) => records))).toEqual(["next"])
    })
  )

  it.effect("one record can be read by its position; there is none beyond the end", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const where = at(yield* newTopic(kafka))
      const sent = Array.from({ length: 5 }, (_, i) => record(where, `v${i}`))
      yield* (yield* kafka.producer).send(sent)
      const found = yield* Effect.forEach([1, 4], (offset) => kafka.read({ ...where, offset }))
      const records = yield* Effect.fromOption(Option.all(found))
      expect(records.map(({ offset }) => offset)).toEqual([1, 4])
      expect(values(records)).toEqual(["v1", "v4"])
      expect(records.map(({ timestamp }) => timestamp)).toEqual([someTime, someTime])
      expect((yield* kafka.read({ ...where, offset: 5 }))._tag).toBe("None")
      expect((yield* kafka.read({ ...where, offset: 500 }))._tag).toBe("None")
    })
  )
}
