import { Effect, Fiber, Option } from "effect"
import { expect } from "vitest"
import { unique } from "../broker/clients.ts"
import {
  at,
  newProcess,
  newStuckProcess,
  newTopic,
  noise,
  read,
  readBatches,
  record,
  stillWaits,
  take,
  timeout,
  values
} from "./world.ts"
import type { Suite } from "./world.ts"

export const transactions = (it: Suite): void => {
  it.effect("all records of a transaction are to be seen, or none, over topics and partitions", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const one = yield* newTopic(kafka, { partitions: 2 })
      const other = yield* newTopic(kafka, { maxMessageBytes: 1_000 })
      const places = [at(one, 0), at(one, 1), at(other)]
      const transactor = yield* kafka.transactor({ transactionalId: unique("contract"), timeout })
      const everywhere = (value: string) => places.map((place) => record(place, value))
      yield* transactor.commit({ records: everywhere("first") })
      const refused = yield* Effect.flip(
        transactor.commit({ records: [...everywhere("never"), record(at(other), noise)] })
      )
      expect(refused.outcome).toBe("refused")
      // After a refusal the transactor goes on.
      yield* transactor.commit({ records: everywhere("second") })
      for (const place of places) expect(values(yield* read(kafka, place))).toEqual(["first", "second"])
    })
  )

  it.effect("one that names a topic or a partition that does not exist is refused; the transactor goes on", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const where = at(yield* newTopic(kafka))
      const transactor = yield* kafka.transactor({ transactionalId: unique("contract"), timeout })
      yield* transactor.commit({ records: [record(where, "before")] })
      for (const nowhere of [at(unique("missing")), at(where.topic, 1)]) {
        const records = [record(where, "never"), record(nowhere, "never")]
        const error = yield* Effect.flip(transactor.commit({ records }))
        expect(error.outcome).toBe("refused")
        expect(error.message).toContain(nowhere.topic)
      }
      yield* transactor.commit({ records: [record(where, "after")] })
      expect(values(yield* read(kafka, where))).toEqual(["before", "after"])
    })
  )

  it.effect("a transaction keeps the order given, also when it is larger than a batch", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const where = at(yield* newTopic(kafka))
      const transactor = yield* kafka.transactor({ transactionalId: unique("contract"), timeout })
      const padding = "x".repeat(1_000)
      const sent = Array.from({ length: 3_000 }, (_, i) => `${i}/${padding}`)
      yield* transactor.commit({ records: sent.map((value) => record(where, value)) })
      expect(values(yield* read(kafka, where))).toEqual(sent)
    })
  )

  it.effect("one that is open is invisible and holds back what comes after it, on its partition alone", () =>
    Effect.gen(function* () {
      const [kafka, stuck] = [yield* newProcess, yield* newStuckProcess]
      const topic = yield* newTopic(kafka, { partitions: 2 })
      const where = at(topic)
      const producer = yield* kafka.producer
      yield* producer.send([record(where, "before")])
      const transactionalId = unique("contract")
      const open = yield* stuck.transactor({ transactionalId, timeout: 60_000 })
      const unclear = yield* Effect.flip(open.commit({ records: [record(where, "open")] }))
      expect(unclear.outcome).toBe("unclear")
      // Its records are in the log, and another commit might carry them along.
      expect(yield* Effect.flip(open.commit({ records: [record(where, "more")] }))).toMatchObject({
        outcome: "unclear"
      })
      yield* producer.send([record(where, "after"), record(at(topic, 1), "beside")])
      expect(yield* kafka.topics.endOffset(where)).toBe(3)

      const everything = yield* kafka.reader({ isolation: "uncommitted" })
      yield* everything.seek(where, 0)
      const raw = yield* take(everything, 3)
      expect(values(raw.flatMap(({ records }) => records))).toEqual(["before", "open", "after"])
      expect(raw.at(-1)!.endOffset).toBe(3)

      const reader = yield* kafka.reader()
      yield* reader.seek(where, 0)
      yield* reader.seek(at(topic, 1), 0)
      const first = yield* take(reader, 2)
      const seen = first.toSorted((a, b) => a.partition - b.partition)
      expect(seen.map(({ records }) => values(records))).toEqual([["before"], ["beside"]])
      // What this reader may see ends at the last stable offset.
      expect(seen[0]!.endOffset).toBe(1)
      expect((yield* kafka.read({ ...where, offset: 1 }))._tag).toBe("None")
      expect((yield* kafka.read({ ...where, offset: 2 }))._tag).toBe("None")
      const poll = yield* Effect.forkChild(take(reader, 1))
      expect(yield* stillWaits(poll)).toBe(true)
      const undecided = reader.undecided(where)!
      expect(undecided).toMatchObject({ offset: 1, end: 3 })
      expect(reader.undecided(at(topic, 1))).toBeUndefined()
      expect(everything.undecided(where)).toBeUndefined()

      // The next owner of the transactional id ends it.
      yield* kafka.transactor({ transactionalId, timeout })
      expect(values((yield* Fiber.join(poll)).flatMap(({ records }) => records))).toEqual(["after"])
      expect(reader.undecided(where)).toBeUndefined()
    })
  )

  it.effect("aborted ones are skipped wherever they lie, and the position still reaches the end", () =>
    Effect.gen(function* () {
      const [kafka, stuck] = [yield* newProcess, yield* newStuckProcess]
      const where = at(yield* newTopic(kafka))
      const producer = yield* kafka.producer
      const transactionalId = unique("contract")
      const plan = ["abort", "abort", "commit", "plain", "abort", "abort", "commit", "plain", "abort"]
      for (const [i, what] of plan.entries()) {
        const records = [record(where, `${what} ${i}a`), record(where, `${what} ${i}b`)]
        if (what === "plain") yield* producer.send(records)
        else if (what === "commit") yield* (yield* kafka.transactor({ transactionalId, timeout })).commit({ records })
        else {
          const open = yield* stuck.transactor({ transactionalId, timeout: 60_000 })
          yield* Effect.flip(open.commit({ records }))
          yield* kafka.transactor({ transactionalId, timeout })
        }
      }
      const committed = plan.flatMap((what, i) => (what === "abort" ? [] : [`${what} ${i}a`, `${what} ${i}b`]))
      const batches = yield* readBatches(kafka, where)
      expect(values(batches.flatMap(({ records }) => records))).toEqual(committed)
      // Lag is a matter of positions: markers and aborted records at the end leave none.
      expect(batches.at(-1)!.nextOffset).toBe(yield* kafka.topics.endOffset(where))
      batches.forEach(({ fromOffset }, i) => expect(fromOffset).toBe(i === 0 ? 0 : batches[i - 1]!.nextOffset))
      const all = yield* read(kafka, where, { isolation: "uncommitted" })
      expect(values(all)).toEqual(plan.flatMap((what, i) => [`${what} ${i}a`, `${what} ${i}b`]))
      // From the middle of what was aborted it is the same.
      const reader = yield* kafka.reader()
      yield* reader.seek(where, 1)
      expect(values((yield* take(reader, committed.length)).flatMap(({ records }) => records))).toEqual(committed)
    })
  )

  it.effect("a single read finds committed records only", () =>
    Effect.gen(function* () {
      const [kafka, stuck] = [yield* newProcess, yield* newStuckProcess]
      const where = at(yield* newTopic(kafka))
      const transactionalId = unique("contract")
      yield* Effect.flip(
        (yield* stuck.transactor({ transactionalId, timeout })).commit({ records: [record(where, "aborted")] })
      )
      const transactor = yield* kafka.transactor({ transactionalId, timeout })
      yield* transactor.commit({ records: [record(where, "committed")] })
      // A commit is answered before its markers are written: wait for what it makes visible.
      const reader = yield* kafka.reader()
      yield* reader.seek(where, 0)
      yield* take(reader, 1)
      const found: Array<string | undefined> = []
      for (let offset = 0; offset < 4; offset++) {
        const one = Option.getOrUndefined(yield* kafka.read({ ...where, offset }))
        found.push(one && values([one])[0])
      }
      // Aborted, its marker, committed, its marker.
      expect(found).toEqual([undefined, undefined, "committed", undefined])
    })
  )

  it.effect("two transactors do not wait for each other, and neither sees the other's half", () =>
    Effect.gen(function* () {
      const processes = [yield* newProcess, yield* newProcess]
      const where = at(yield* newTopic(processes[0]!))
      yield* Effect.forEach(
        processes,
        (kafka, who) =>
          Effect.gen(function* () {
            const transactor = yield* kafka.transactor({ transactionalId: unique("contract"), timeout })
            for (let i = 0; i < 20; i++) {
              yield* transactor.commit({ records: [record(where, `${who}/${i}/a`), record(where, `${who}/${i}/b`)] })
            }
          }),
        { concurrency: 2 }
      )
      const back = values(yield* read(processes[0]!, where))
      for (const who of [0, 1]) {
        const mine = back.filter((value) => value.startsWith(`${who}/`))
        expect(mine).toEqual(Array.from({ length: 40 }, (_, i) => `${who}/${i >> 1}/${i % 2 === 0 ? "a" : "b"}`))
      }
    })
  )
}
