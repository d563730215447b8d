import { Effect } from "effect"
import { expect } from "vitest"
import type { KafkaError } from "../../src/kafka/errors.ts"
import type { Header, ProducerRecord } from "../../src/kafka/records.ts"
import { unique } from "../broker/clients.ts"
import { seeded } from "../cluster/seeded.ts"
import { at, deleteTopic, newProcess, newTopic, read, record, someTime, take, timeout, values } from "./world.ts"
import type { Suite } from "./world.ts"

/** Plain arrays of numbers: a Buffer and a Uint8Array of the same bytes compare equal. */
const bytes = (from: Uint8Array | null) => from && [...from]
const plain = ({
  headers,
  key,
  timestamp,
  value
}: Pick<ProducerRecord, "headers" | "key" | "timestamp" | "value">) => ({
  key: bytes(key),
  value: bytes(value),
  headers: headers.map(([name, content]) => [name, bytes(content)]),
  timestamp
})

const empty = new Uint8Array(0)

export const records = (it: Suite): void => {
  it.effect("keys, values, headers and times come back as they were, byte for byte", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const where = at(yield* newTopic(kafka))
      const random = seeded(7)
      const some = (): Uint8Array | null => (random.chance(0.2) ? null : random.bytes(random.chance(0.1) ? 5_000 : 30))
      const header = (): Header => [["a", "a", "ä€", "", "sixfold-version"][random.int(5)]!, random.bytes(10)]
      const fixed: ReadonlyArray<Partial<ProducerRecord>> = [
        { key: null, value: null },
        { key: empty, value: empty },
        {
          headers: [
            ["again", Buffer.from("1")],
            ["again", empty],
            ["other", empty],
            ["again", Buffer.from("0")]
          ]
        },
        { value: Uint8Array.from({ length: 256 }, (_, byte) => byte) }
      ]
      const sent = [
        ...fixed.map((part) => ({ ...record(where, "v"), ...part })),
        ...Array.from({ length: 300 }, (_, i): ProducerRecord => ({
          ...where,
          key: some(),
          value: some(),
          headers: Array.from({ length: random.int(4) }, header),
          timestamp: someTime + random.int(1_000) - i
        }))
      ]
      const offsets = yield* (yield* kafka.producer).send(sent)
      expect(offsets).toEqual(sent.map((_, i) => i))
      const back = yield* read(yield* newProcess, where)
      expect(back.map(plain)).toEqual(sent.map(plain))
      expect(back.map(({ offset }) => offset)).toEqual(offsets)
    })
  )

  it.effect("many sends in flight: every partition has them in the order sent, at the offsets answered", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const partitions = 4
      const topic = yield* newTopic(kafka, { partitions })
      const producer = yield* kafka.producer
      const sent = Array.from({ length: 2_000 }, (_, i) => record(at(topic, i % partitions), String(i)))
      const answers = yield* Effect.forEach(sent, (each) => producer.send([each]), { concurrency: "unbounded" })
      for (let partition = 0; partition < partitions; partition++) {
        const back = yield* read(kafka, at(topic, partition))
        const mine = sent.flatMap((each, i) =>
          each.partition === partition ? [{ each, offset: answers[i]![0]! }] : []
        )
        expect(values(back)).toEqual(mine.map(({ each }) => String(Buffer.from(each.value!))))
        expect(back.map(({ offset }) => offset)).toEqual(mine.map(({ offset }) => offset))
      }
    })
  )

  it.effect("one send over partitions and topics answers the offsets in the order given", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const [one, other] = [yield* newTopic(kafka, { partitions: 2 }), yield* newTopic(kafka)]
      const producer = yield* kafka.producer
      yield* producer.send([record(at(one, 1), "before")])
      const places = [at(other), at(one, 1), at(one, 0), at(other), at(one, 1)]
      expect(yield* producer.send(places.map((place) => record(place, "v")))).toEqual([0, 1, 0, 1, 2])
      expect(yield* producer.send([])).toEqual([])
    })
  )

  it.effect("a record that is too large is refused alone", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const topic = yield* newTopic(kafka, { maxMessageBytes: 2_000 })
      const producer = yield* kafka.producer
      const results = yield* Effect.forEach(
        Array.from({ length: 9 }, (_, i) => (i === 4 ? "x".repeat(2_000) : String(i))),
        (value) => Effect.result(producer.send([record(at(topic), value)])),
        { concurrency: "unbounded" }
      )
      expect(results[4]).toMatchObject({ failure: { reason: "RecordTooLarge", topic, partition: 0 } })
      expect(values(yield* read(kafka, at(topic)))).toEqual(["0", "1", "2", "3", "5", "6", "7", "8"])
    })
  )

  it.effect("the largest record is the one whose batch is as large as the topic allows", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const topic = yield* newTopic(kafka, { maxMessageBytes: 2_000 })
      const producer = yield* kafka.producer
      // 61 bytes of batch, 2 of the record's length, 3 of attributes and deltas, 1 + 3 of the key, 2 of the value's length, 1 of no headers.
      const room = 2_000 - 61 - 2 - 3 - 4 - 2 - 1
      expect(yield* producer.send([record(at(topic), "x".repeat(room))])).toEqual([0])
      const error = yield* Effect.flip(producer.send([record(at(topic), "x".repeat(room + 1))]))
      expect(error.reason).toBe("RecordTooLarge")
    })
  )

  it.effect("a compacted topic takes no record without a key, and keeps tombstones", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const where = at(yield* newTopic(kafka, { cleanup: "compact" }))
      const producer = yield* kafka.producer
      const error = yield* Effect.flip(producer.send([{ ...record(where, "v"), key: null }]))
      expect(error).toMatchObject({ reason: "InvalidRecord", topic: where.topic })
      yield* producer.send([{ ...record(where, ""), value: null }])
      expect((yield* read(kafka, where)).map(({ value }) => value)).toEqual([null])
    })
  )

  it.effect("whoever asks for a topic that does not exist is told which", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const where = at(unique("missing"))
      const reader = yield* kafka.reader()
      yield* reader.seek(where, 0)
      const member = yield* kafka.member({
        group: unique("group"),
        topics: [where.topic],
        listener: { beforeJoin: () => Effect.void, assigned: () => Effect.void, lost: () => Effect.void }
      })
      const errors = yield* Effect.all(
        {
          send: Effect.flip((yield* kafka.producer).send([record(where, "v")])),
          poll: Effect.flip(reader.poll),
          endOffset: Effect.flip(kafka.topics.endOffset(where)),
          read: Effect.flip(kafka.read({ ...where, offset: 0 })),
          member: Effect.flip(member.failed)
        },
        { concurrency: "unbounded" }
      )
      const told = Object.entries(errors).map(([call, { reason, topic }]) => [call, reason, topic])
      expect(told).toEqual(Object.keys(errors).map((call) => [call, "TopicMissing", where.topic]))
    })
  )

  it.effect(
    "a topic that is deleted while it is used is missing for all who use it, and a new one of its name is another",
    () =>
      Effect.gen(function* () {
        const kafka = yield* newProcess
        const where = at(yield* newTopic(kafka))
        const [before] = yield* kafka.topics.describe([where.topic])
        const producer = yield* kafka.producer
        const transactor = yield* kafka.transactor({ transactionalId: unique("contract"), timeout })
        const reader = yield* kafka.reader()
        yield* producer.send([record(where, "1")])
        yield* transactor.commit({ records: [record(where, "2")] })
        yield* reader.seek(where, 0)
        yield* take(reader, 2)
        yield* deleteTopic(where.topic)
        // A broker hears of it a little later, and a reader has a marker's place still.
        const untilMissing = <A>(call: Effect.Effect<A, KafkaError>) => Effect.flip(Effect.forever(call))
        const errors = yield* Effect.all(
          {
            send: untilMissing(producer.send([record(where, "lost")])),
            poll: untilMissing(reader.poll),
            endOffset: untilMissing(kafka.topics.endOffset(where)),
            read: untilMissing(kafka.read({ ...where, offset: 0 }))
          },
          { concurrency: "unbounded" }
        )
        const told = Object.entries(errors).map(([call, { reason, topic }]) => [call, reason, topic])
        expect(told).toEqual(Object.keys(errors).map((call) => [call, "TopicMissing", where.topic]))
        expect(yield* Effect.flip(transactor.commit({ records: [record(where, "lost")] }))).toMatchObject({
          outcome: "refused"
        })
        yield* kafka.topics.ensure([{ name: where.topic, partitions: 1, cleanup: "delete" }])
        // Whoever speaks an old protocol is not told ids, and cannot tell the two apart.
        const [after] = yield* kafka.topics.describe([where.topic])
        if (before!.id !== where.topic) expect(after!.id).not.toBe(before!.id)
        yield* producer.send([record(where, "new 1")])
        yield* transactor.commit({ records: [record(where, "new 2")] })
        expect(values(yield* read(kafka, where))).toEqual(["new 1", "new 2"])
      })
  )

  it.effect("a reader does not go on in a topic that was deleted and made again in the meantime", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const where = at(yield* newTopic(kafka))
      const [before] = yield* kafka.topics.describe([where.topic])
      // Whoever speaks an old protocol is not told ids, and cannot tell the two apart.
      if (before!.id === where.topic) return
      const producer = yield* kafka.producer
      const reader = yield* kafka.reader()
      yield* producer.send([record(where, "1"), record(where, "2")])
      yield* reader.seek(where, 0)
      yield* take(reader, 2)
      yield* deleteTopic(where.topic)
      const other = yield* newProcess
      yield* other.topics.ensure([{ name: where.topic, partitions: 1, cleanup: "delete" }])
      yield* (yield* other.producer).send(["a", "b", "c"].map((value) => record(where, value)))
      const failed = yield* Effect.flip(Effect.forever(reader.poll))
      expect(failed).toMatchObject({ reason: "TopicMissing", topic: where.topic })
      yield* reader.seek(where, 0)
      expect(values((yield* take(reader, 3)).flatMap(({ records }) => records))).toEqual(["a", "b", "c"])
    })
  )

  it.effect("a partition the topic does not have is missing, too", () =>
    Effect.gen(function* () {
      const kafka = yield* newProcess
      const topic = yield* newTopic(kafka, { partitions: 2 })
      const send = (yield* kafka.producer).send([record(at(topic, 2), "v")])
      const errors = yield* Effect.all([Effect.flip(send), Effect.flip(kafka.topics.endOffset(at(topic, 2)))], {
        concurrency: 2
      })
      expect(errors.map(({ reason }) => reason)).toEqual(["TopicMissing", "TopicMissing"])
    })
  )

  it.effect("two processes write to one partition, and neither loses anything", () =>
    Effect.gen(function* () {
      const processes = [yield* newProcess, yield* newProcess]
      const where = at(yield* newTopic(processes[0]!))
      const offsets = yield* Effect.forEach(
        processes,
        (kafka, who) =>
          Effect.gen(function* () {
            const producer = yield* kafka.producer
            const sends = Array.from({ length: 200 }, (_, i) => producer.send([record(where, `${who}/${i}`)]))
            return yield* Effect.all(sends, { concurrency: 20 })
          }),
        { concurrency: 2 }
      )
      expect(offsets.flat(2).sort((a, b) => a - b)).toEqual(Array.from({ length: 400 }, (_, i) => i))
      const reader = yield* processes[0]!.reader()
      yield* reader.seek(where, 0)
      const back = values((yield* take(reader, 400)).flatMap(({ records }) => records))
      for (const who of [0, 1]) {
        expect(back.filter((value) => value.startsWith(`${who}/`))).toEqual(
          Array.from({ length: 200 }, (_, i) => `${who}/${i}`)
        )
      }
    })
  )
}
